// From the grammar's nodes to the evaluator's expressions. The grammar's own precedence is not relied on (it reads `not a and b`
// as `not (a and b)`): every run of operands and operators is laid flat and climbed again by Python's table.

import { Long } from "../run/thing.js";
import { type Node, splitAtCommas, unexpected } from "./grammar.js";
import { maxNesting } from "./limits.js";
import { refuse } from "./refused.js";
import { Stopped } from "./stopped.js";
import type { ComprehensionClause, Expression, Keyword, Operand, SliceBounds, Trailer } from "./syntax.js";
import { targetOf } from "./target.js";

// Brackets cost more than one level here (list, path, call), and so do powers and conditionals, which nest without brackets.
const maxDepth = 3 * maxNesting;

const flattened: ReadonlySet<string> = new Set(["BinaryExpression", "UnaryExpression", "ConditionalExpression"]);
const binaryLevels: readonly ReadonlySet<string>[] = [
  new Set(["|"]),
  new Set(["^"]),
  new Set(["&"]),
  new Set(["<<", ">>"]),
  new Set(["+", "-"]),
  new Set(["*", "/", "//", "%"]),
];
const comparisons: ReadonlySet<string> = new Set(["<", ">", "==", "!=", "<>", "<=", ">=", "in", "is", "not"]);
const constants: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ["True", true],
  ["False", false],
  ["None", null],
]);

export class ExpressionReader {
  #depth = 0;

  /** One expression, or several with commas between, which are a tuple. */
  list(nodes: readonly Node[]): Expression {
    const first = nodes[0];
    if (first === undefined) throw new Error("The grammar gave an expression without words");
    const { parts, trailing } = splitAtCommas(nodes);
    if (parts.length === 1 && !trailing) return this.one(parts[0] ?? []);
    return { kind: "tuple", items: parts.map((part) => this.one(part)), at: first.first.from };
  }

  one(nodes: readonly Node[]): Expression {
    const items = flatten(nodes);
    const climb = new Climb(items, (node) => this.#atom(node));
    return this.#nested(items[0], () => climb.whole());
  }

  #nested(node: Node | undefined, read: () => Expression): Expression {
    if (this.#depth >= maxDepth) {
      throw new Stopped(
        "limit_exceeded",
        node?.first.from ?? 0,
        `Values are nested deeper than ${maxNesting}.`,
        "Nest them less.",
      );
    }
    this.#depth += 1;
    const expression = read();
    this.#depth -= 1;
    return expression;
  }

  #atom(node: Node): Expression {
    const at = node.first.from;
    const inner = node.children.slice(1, -1);
    switch (node.name) {
      case "Number":
      case "String":
        return { kind: "literal", value: node.first.value ?? "", at };
      case "VariableName":
        return name(node.first.text, at);
      case "ParenthesizedExpression":
        return this.one(inner);
      case "TupleExpression":
        return { kind: "tuple", items: splitAtCommas(inner).parts.map((part) => this.one(part)), at };
      case "ArrayExpression":
        return { kind: "list", items: splitAtCommas(inner).parts.map((part) => this.one(part)), at };
      case "DictionaryExpression":
        return { kind: "dict", pairs: splitAtCommas(inner).parts.map((part) => this.#pair(part)), at };
      case "ArrayComprehensionExpression":
        return this.#comprehension(inner, at);
      case "MemberExpression":
      case "CallExpression":
        return this.#path(node);
      case "SetExpression":
        throw refuse(at, "A set", "Write a list.");
      case "ComprehensionExpression":
        throw refuse(at, "A generator", "Write a list comprehension, with square brackets.");
      case "SetComprehensionExpression":
      case "DictionaryComprehensionExpression":
        throw refuse(at, "A comprehension in braces", "Write a list comprehension, or a for that fills a dict.");
      default:
        throw unexpected(node.first);
    }
  }

  #pair(nodes: readonly Node[]): { key: Expression; value: Expression } {
    const colon = nodes.findIndex((node) => node.name === ":");
    if (colon <= 0 || colon === nodes.length - 1) throw unexpected(nodes[0]?.first);
    return { key: this.one(nodes.slice(0, colon)), value: this.one(nodes.slice(colon + 1)) };
  }

  #comprehension(nodes: readonly Node[], at: number): Expression {
    const head = nodes.findIndex((node) => node.name === "for");
    const clauses: ComprehensionClause[] = [];
    for (let index = head; index < nodes.length; ) {
      let end = index + 1;
      while (end < nodes.length && nodes[end]?.name !== "for" && nodes[end]?.name !== "if") end += 1;
      const part = nodes.slice(index + 1, end);
      if (nodes[index]?.name === "if") clauses.push({ kind: "if", test: this.one(part) });
      else {
        const inAt = part.findIndex((node) => node.name === "in");
        const target = targetOf(part.slice(0, inAt), this);
        clauses.push({
          kind: "for",
          target,
          iterable: this.one(part.slice(inAt + 1)),
          at: nodes[index]?.first.from ?? at,
        });
      }
      index = end;
    }
    return { kind: "comprehension", item: this.one(nodes.slice(0, head)), clauses, at };
  }

  /** `a.b[c](d)`: the spine is walked down by a loop, since nothing but its length bounds its depth. */
  #path(node: Node): Expression {
    const links: Node[] = [];
    let first = node;
    while (first.name === "MemberExpression" || first.name === "CallExpression") {
      links.unshift(first);
      const next = first.children[0];
      if (next === undefined) throw unexpected(first.first);
      first = next;
    }
    return {
      kind: "path",
      first: this.one([first]),
      trailers: links.map((link) => this.#trailer(link)),
      at: first.first.from,
    };
  }

  #trailer(link: Node): Trailer {
    const opening = link.children[1];
    if (opening === undefined) throw unexpected(link.first);
    const at = opening.first.from;
    if (link.name === "CallExpression") return { kind: "call", ...this.#arguments(opening.children.slice(1, -1)), at };
    const inner = link.children.slice(2, -1);
    const named = link.children[2];
    if (opening.name === ".") {
      if (named?.first.kind !== "name") throw unexpected(named?.first ?? opening.first);
      return { kind: "attribute", name: named.first.text, at: named.first.from };
    }
    if (!inner.some((part) => part.name === ":")) return { kind: "index", index: this.list(inner), at };
    return { kind: "slice", bounds: this.#slice(inner), at };
  }

  #slice(nodes: readonly Node[]): SliceBounds {
    const comma = nodes.find((node) => node.name === ",");
    if (comma !== undefined)
      throw refuse(comma.first.from, "A slice with a comma", "Write [from:to] or [from:to:step].");
    const parts: Node[][] = [[]];
    for (const node of nodes) {
      if (node.name === ":") parts.push([]);
      else parts.at(-1)?.push(node);
    }
    if (parts.length > 3) throw unexpected(nodes.at(-1)?.first);
    const [lower, upper, step] = parts.map((part) => (part.length === 0 ? undefined : this.one(part)));
    return { lower, upper, step };
  }

  #arguments(nodes: readonly Node[]): { positional: Expression[]; keywords: Keyword[] } {
    const positional: Expression[] = [];
    const keywords: Keyword[] = [];
    const names = new Set<string>();
    for (const part of splitAtCommas(nodes).parts) {
      const [first, second] = part;
      const star = part.find((node) => node.name === "*" || node.name === "**");
      if (star !== undefined)
        throw refuse(star.first.from, "An argument list with a star", "Write the arguments one by one.");
      const generator = part.find((node) => node.name === "for");
      if (generator !== undefined)
        throw refuse(generator.first.from, "A generator", "Write a list comprehension, with square brackets.");
      if (second?.name === "AssignOp") {
        const given = first?.first.text ?? "";
        if (first?.name !== "VariableName" || constants.has(given)) throw unexpected(second.first);
        if (names.has(given)) throw unexpected(first.first);
        names.add(given);
        keywords.push({ name: given, value: this.one(part.slice(2)) });
      } else {
        if (keywords.length > 0) throw unexpected(first?.first);
        positional.push(this.one(part));
      }
    }
    return { positional, keywords };
  }
}

function name(text: string, at: number): Expression {
  const constant = constants.get(text);
  return constant === undefined ? { kind: "name", name: text, at } : { kind: "literal", value: constant, at };
}

function isLeastInt(expression: Expression): boolean {
  return expression.kind === "literal" && expression.value instanceof Long && expression.value.value === 2n ** 63n;
}

function flatten(nodes: readonly Node[]): Node[] {
  const out: Node[] = [];
  const pending = [...nodes].reverse();
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (!flattened.has(node.name)) out.push(node);
    else for (let index = node.children.length - 1; index >= 0; index -= 1) pending.push(node.children[index] as Node);
  }
  return out;
}

/** Precedence climbing over operands and operators, lowest first: conditional, or, and, not, comparison, `|` … `*`, sign, `**`. */
class Climb {
  readonly #items: readonly Node[];
  readonly #atom: (node: Node) => Expression;
  #next = 0;

  constructor(items: readonly Node[], atom: (node: Node) => Expression) {
    this.#items = items;
    this.#atom = atom;
  }

  whole(): Expression {
    const expression = this.#conditional();
    const rest = this.#items[this.#next];
    if (rest !== undefined) throw unexpected(rest.first);
    return expression;
  }

  #peek(): string {
    const token = this.#items[this.#next];
    return token === undefined || (token.children.length > 0 && !token.name.endsWith("Op")) ? "" : token.first.text;
  }

  #take(): Node {
    const node = this.#items[this.#next];
    if (node === undefined) throw unexpected(this.#items.at(-1)?.last);
    this.#next += 1;
    return node;
  }

  #conditional(): Expression {
    const then = this.#boolean("or");
    if (this.#peek() !== "if") return then;
    const at = this.#take().first.from;
    const test = this.#boolean("or");
    if (this.#peek() !== "else") throw unexpected(this.#items[this.#next]?.first ?? this.#items.at(-1)?.last);
    this.#take();
    return { kind: "conditional", test, then, otherwise: this.#conditional(), at };
  }

  #boolean(operator: "and" | "or"): Expression {
    const read = (): Expression => (operator === "or" ? this.#boolean("and") : this.#not());
    const first = read();
    if (this.#peek() !== operator) return first;
    const operands = [first];
    const at = this.#items[this.#next]?.first.from ?? first.at;
    while (this.#peek() === operator) {
      this.#take();
      operands.push(read());
    }
    return { kind: "boolean", operator, operands, at };
  }

  #not(): Expression {
    if (this.#peek() !== "not") return this.#comparison();
    const at = this.#take().first.from;
    let count = 1;
    for (; this.#peek() === "not"; count += 1) this.#take();
    return { kind: "not", operand: this.#comparison(), twice: count % 2 === 0, at };
  }

  #comparison(): Expression {
    const first = this.#binary(0);
    const rest: Operand[] = [];
    while (comparisons.has(this.#peek())) {
      const { from: at, text } = this.#take().first;
      let operator = text === "<>" ? "!=" : text;
      if (text === "not") {
        if (this.#peek() !== "in") throw unexpected(this.#items[this.#next]?.first);
        this.#take();
        operator = "not in";
      } else if (text === "is" && this.#peek() === "not") {
        this.#take();
        operator = "is not";
      }
      rest.push({ operator, operand: this.#binary(0), at });
    }
    return rest.length === 0 ? first : { kind: "compare", first, rest, at: rest[0]?.at ?? first.at };
  }

  #binary(level: number): Expression {
    const operators = binaryLevels[level];
    if (operators === undefined) return this.#sign();
    const first = this.#binary(level + 1);
    const rest: Operand[] = [];
    while (operators.has(this.#peek())) {
      const { text: operator, from: at } = this.#take().first;
      rest.push({ operator, operand: this.#binary(level + 1), at });
    }
    return rest.length === 0 ? first : { kind: "chain", first, rest, at: first.at };
  }

  #sign(): Expression {
    const operators: string[] = [];
    const at = this.#items[this.#next]?.first.from ?? 0;
    while (this.#peek() === "-" || this.#peek() === "+" || this.#peek() === "~")
      operators.push(this.#take().first.text);
    const number = this.#items[this.#next]?.first;
    const operand = this.#power();
    // The least int has no positive twin: its digits are a long by themselves, and an int behind a minus.
    if (operators.at(-1) === "-" && isLeastInt(operand) && number?.kind === "number" && number.text === "") {
      const least: Expression = { kind: "literal", value: -(2n ** 63n), at };
      operators.pop();
      return operators.length === 0 ? least : { kind: "unary", operators, operand: least, at };
    }
    return operators.length === 0 ? operand : { kind: "unary", operators, operand, at };
  }

  #power(): Expression {
    const first = this.#atom(this.#take());
    if (this.#peek() !== "**") return first;
    const { text: operator, from: at } = this.#take().first;
    return { kind: "chain", first, rest: [{ operator, operand: this.#sign(), at }], at: first.at };
  }
}
