import { type Node, splitAtCommas, unexpected } from "./grammar.js";
import { refuse } from "./refused.js";
import { Stopped } from "./stopped.js";
import type { Expression, Target } from "./syntax.js";

const constants: ReadonlySet<string> = new Set(["True", "False", "None"]);

/** Reads the expressions inside a target: an index, the owner of an element. */
export interface ReadsExpressions {
  one(nodes: readonly Node[]): Expression;
}

/** What stands left of `=`, after `for` or after `del`: a name, an element, or several with commas between. */
export function targetOf(nodes: readonly Node[], reader: ReadsExpressions): Target {
  const first = nodes[0];
  if (first === undefined) throw new Error("The grammar gave a target without words");
  const { parts, trailing } = splitAtCommas(nodes);
  if (parts.length > 1 || trailing) return unpack(parts, first.first.from, reader);
  if (nodes.length > 1) throw notATarget(first);
  return single(first, reader);
}

function unpack(parts: readonly Node[][], at: number, reader: ReadsExpressions): Target {
  const targets = parts.map((part) => {
    const node = part[0];
    if (node === undefined || part.length > 1) throw unexpected(part[0]?.first);
    return single(node, reader);
  });
  return { kind: "unpack", targets, at };
}

function single(node: Node, reader: ReadsExpressions): Target {
  const { text, from: at } = node.first;
  const inner = node.children.slice(1, -1);
  switch (node.name) {
    case "VariableName":
      if (constants.has(text))
        throw new Stopped("syntax", at, `${text} cannot be given a value.`, "Choose another name.");
      return { kind: "name", name: text, at };
    case "ParenthesizedExpression":
      return targetOf(inner, reader);
    case "TupleExpression":
      if (inner.length === 0) throw notATarget(node);
      return unpack(splitAtCommas(inner).parts, at, reader);
    case "ArrayExpression":
      return unpack(splitAtCommas(inner).parts, at, reader);
    case "MemberExpression":
      return element(node, reader);
    default:
      throw notATarget(node);
  }
}

function element(node: Node, reader: ReadsExpressions): Target {
  const path = reader.one([node]);
  if (path.kind !== "path") throw notATarget(node);
  const trailer = path.trailers.at(-1);
  const before = path.trailers.slice(0, -1);
  const owner = before.length === 0 ? path.first : { ...path, trailers: before };
  if (trailer?.kind === "index" || trailer?.kind === "slice")
    return { kind: "element", owner, trailer, at: trailer.at };
  throw refuse(trailer?.at ?? path.at, "Setting an attribute", "Set an option: NAME = value.");
}

function notATarget(node: Node): Stopped {
  return new Stopped("syntax", node.first.from, "This cannot be given a value.", "Write NAME = value.");
}
