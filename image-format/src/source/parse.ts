import { ExpressionReader } from "./expression.js";
import { type Node, parseTokens, unexpected } from "./grammar.js";
import { refuse, refuseKeywords } from "./refused.js";
import { scan } from "./scan.js";
import { Stopped } from "./stopped.js";
import type { Statement, Target } from "./syntax.js";
import { targetOf } from "./target.js";
import type { Token } from "./token.js";

const importable: ReadonlySet<string> = new Set(["os", "os.path", "re", "sys"]);

/** The statements of a file. Throws `Stopped` on a mistake of syntax, a refused construct or a bound, with its offset. */
export function parseSource(source: string): Statement[] {
  const tokens = scan(source);
  refuseKeywords(tokens);
  const { plain, others } = partPlainLines(tokens);
  const reader = new StatementReader();
  const parsed = parseTokens(others).flatMap((node) => reader.statements(node, false));
  return plain.length === 0 ? parsed : merge(plain, parsed);
}

/** Most lines of most files are `NAME = literal`. They need no grammar, and it is the grammar that costs time. */
function partPlainLines(tokens: readonly Token[]): { plain: Statement[]; others: Token[] } {
  const plain: Statement[] = [];
  const others: Token[] = [];
  let depth = 0;
  let lineStart = true;
  for (let index = 0; index < tokens.length; index += 1) {
    const token = tokens[index] as Token;
    if (lineStart && depth === 0) {
      const statement = plainLine(tokens, index);
      if (statement !== undefined) {
        plain.push(statement);
        index += 3;
        continue;
      }
    }
    if (token.kind === "indent") depth += 1;
    if (token.kind === "dedent") depth -= 1;
    lineStart = token.kind === "newline" || token.kind === "dedent";
    others.push(token);
  }
  return { plain, others };
}

function plainLine(tokens: readonly Token[], index: number): Statement | undefined {
  const [name, equals, literal, end, next] = tokens.slice(index, index + 5);
  if (name?.kind !== "name" || equals?.text !== "=" || end?.kind !== "newline") return undefined;
  if (literal?.value === undefined || name.text === "None" || name.text === "True" || name.text === "False")
    return undefined;
  // An else that lost its if to this line must not find it again.
  if (next?.text === "else" || next?.text === "elif") return undefined;
  const target: Target = { kind: "name", name: name.text, at: name.from };
  const value = { kind: "literal", value: literal.value, at: literal.from } as const;
  return { kind: "assign", targets: [target], value, from: name.from, to: literal.to };
}

function merge(left: readonly Statement[], right: readonly Statement[]): Statement[] {
  const out: Statement[] = [];
  let index = 0;
  for (const statement of right) {
    for (let next = left[index]; next !== undefined && next.from < statement.from; next = left[index]) {
      out.push(next);
      index += 1;
    }
    out.push(statement);
  }
  out.push(...left.slice(index));
  return out;
}

class StatementReader {
  readonly #expressions = new ExpressionReader();

  statements(node: Node, inLoop: boolean): Statement[] {
    if (node.name !== "StatementGroup") return [this.#statement(node, inLoop)];
    return node.children.flatMap((child, index) => {
      if (child.name !== ";") return [this.#statement(child, inLoop)];
      const previous = node.children[index - 1];
      if (previous === undefined || previous.name === ";") throw unexpected(child.first);
      return [];
    });
  }

  #statement(node: Node, inLoop: boolean): Statement {
    const span = { from: node.first.from, to: node.last.to };
    switch (node.name) {
      case "AssignStatement":
        return { ...span, ...this.#assign(node) };
      case "UpdateStatement":
        return { ...span, ...this.#augment(node) };
      case "ExpressionStatement":
        return { ...span, kind: "expression", value: this.#expressions.list(node.children) };
      case "DeleteStatement":
        return { ...span, kind: "delete", targets: [targetOf(node.children.slice(1), this.#expressions)] };
      case "ImportStatement":
        return { ...span, ...importOf(node) };
      case "PassStatement":
        return { ...span, kind: "pass" };
      case "BreakStatement":
      case "ContinueStatement":
        if (!inLoop) {
          throw new Stopped("syntax", span.from, `${node.first.text} stands outside a loop.`, "Remove it.");
        }
        return { ...span, kind: node.name === "BreakStatement" ? "break" : "continue" };
      case "IfStatement":
        return { ...span, ...this.#if(node, inLoop) };
      case "ForStatement":
        return { ...span, ...this.#for(node, inLoop) };
      default:
        throw unexpected(node.first);
    }
  }

  #assign(node: Node) {
    const parts = split(node.children, "AssignOp");
    const value = parts.pop();
    if (value === undefined || value.length === 0 || parts.length === 0) throw unexpected(node.last);
    const annotation = node.children.find((child) => child.name === "TypeDef");
    if (annotation !== undefined) throw refuse(annotation.first.from, "An annotation", "Write NAME = value.");
    const targets = parts.map((part) => targetOf(part, this.#expressions));
    return { kind: "assign", targets, value: this.#expressions.list(value) } as const;
  }

  #augment(node: Node) {
    const at = node.children.findIndex((child) => child.name === "UpdateOp");
    const operator = node.children[at]?.first;
    if (operator === undefined) throw unexpected(node.first);
    const target = targetOf(node.children.slice(0, at), this.#expressions);
    if (target.kind === "unpack") {
      throw new Stopped("syntax", target.at, "Several names cannot be changed at once.", "Change them one by one.");
    }
    const value = this.#expressions.list(node.children.slice(at + 1));
    return { kind: "augment", target, operator: operator.text.slice(0, -1), value, at: operator.from } as const;
  }

  #body(node: Node | undefined, inLoop: boolean): Statement[] {
    return (node?.children ?? []).slice(1).flatMap((child) => this.statements(child, inLoop));
  }

  #if(node: Node, inLoop: boolean) {
    const branches: { test: ReturnType<ExpressionReader["list"]>; body: Statement[] }[] = [];
    let otherwise: Statement[] = [];
    for (let index = 0; index < node.children.length; ) {
      const isElse = node.children[index]?.name === "else";
      const bodyAt = node.children.findIndex((child, at) => at > index && child.name === "Body");
      const body = this.#body(node.children[bodyAt], inLoop);
      if (isElse) otherwise = body;
      else branches.push({ test: this.#expressions.one(node.children.slice(index + 1, bodyAt)), body });
      index = bodyAt + 1;
    }
    return { kind: "if", branches, otherwise } as const;
  }

  #for(node: Node, inLoop: boolean) {
    const { children } = node;
    const inAt = children.findIndex((child) => child.name === "in");
    const bodyAt = children.findIndex((child) => child.name === "Body");
    return {
      kind: "for",
      target: targetOf(children.slice(1, inAt), this.#expressions),
      iterable: this.#expressions.list(children.slice(inAt + 1, bodyAt)),
      body: this.#body(children[bodyAt], true),
      otherwise: this.#body(children[bodyAt + 2], inLoop),
    } as const;
  }
}

function split(nodes: readonly Node[], name: string): Node[][] {
  const parts: Node[][] = [[]];
  for (const node of nodes) {
    if (node.name === name) parts.push([]);
    else parts.at(-1)?.push(node);
  }
  return parts;
}

function importOf(node: Node) {
  const modules = split(node.children.slice(1), ",").map((part) => {
    const as = part.findIndex((child) => child.name === "as");
    const path = (as < 0 ? part : part.slice(0, as))
      .filter((child) => child.name !== ".")
      .map((child) => child.first.text);
    const at = part[0]?.first.from ?? node.first.from;
    if (!importable.has(path.join("."))) {
      throw refuse(at, `The module ${path.join(".")}`, "Only os, re and sys can be imported.");
    }
    return { path, as: as < 0 ? undefined : part[as + 1]?.first.text, at };
  });
  return { kind: "import", modules } as const;
}
