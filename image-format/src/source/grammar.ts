// Python's grammar, by @lezer/python. The grammar sees a canonical text: one letter for every name, one digit for every number,
// empty quotes for every string, single blanks between them. What differs between dialects or looks at spelling (numbers,
// escapes, keywords of one version) was settled by `scan`, so the structure is all that is asked of it. It runs in strict mode:
// no error recovery, whose cost nobody can bound and whose trees are guesses.

import type { Tree } from "@lezer/common";
import { parser } from "@lezer/python";
import { maxChain, maxParsedTokens } from "./limits.js";
import { Stopped } from "./stopped.js";
import type { Token } from "./token.js";

/** One node of the grammar's tree, over the tokens from `first` to `last`; a leaf is one token. */
export interface Node {
  name: string;
  first: Token;
  last: Token;
  children: Node[];
}

const strictParser = parser.configure({ strict: true });

/** The statements of these tokens, at most `maxParsedTokens` of them. Throws `Stopped` where no Python can go on. */
export function parseTokens(tokens: readonly Token[]): Node[] {
  if (tokens.length === 0) return [];
  const over = tokens[maxParsedTokens];
  if (over !== undefined) {
    throw new Stopped(
      "limit_exceeded",
      over.from,
      `The file has more than ${maxParsedTokens} words.`,
      "Make the file shorter.",
    );
  }
  checkChains(tokens);
  const { text, starts } = canonicalText(tokens);
  return nodesOf(parseStrictly(text, starts, tokens), starts, tokens);
}

function canonicalText(tokens: readonly Token[]): { text: string; starts: Int32Array } {
  const words: string[] = [];
  const starts = new Int32Array(tokens.length);
  let length = 0;
  let depth = 0;
  tokens.forEach((token, index) => {
    if (token.kind === "indent") depth += 1;
    if (token.kind === "dedent") depth -= 1;
    const previous = tokens[index - 1]?.kind ?? "newline";
    const lineStart = previous === "newline" || previous === "indent" || previous === "dedent";
    const word = canonicalWord(token);
    const blanks = word === "" || word === "\n" ? "" : lineStart ? " ".repeat(depth) : " ";
    starts[index] = length + blanks.length;
    words.push(blanks, word);
    length += blanks.length + word.length;
  });
  return { text: words.join(""), starts };
}

function canonicalWord(token: Token): string {
  switch (token.kind) {
    case "name":
      return "x";
    case "number":
      return "1";
    case "string":
      return "''";
    case "newline":
      return "\n";
    case "indent":
    case "dedent":
      return "";
    case "keyword":
    case "operator":
      return token.text === "<>" ? "!=" : token.text;
  }
}

function parseStrictly(text: string, starts: Int32Array, tokens: readonly Token[]): Tree {
  const parse = strictParser.startParse(text);
  try {
    for (;;) {
      const tree = parse.advance();
      if (tree !== null) return tree;
    }
  } catch (error) {
    // The strict parser has no other way to say no; everything else it might throw is a fault of ours.
    const position = error instanceof SyntaxError ? /^No parse at (\d+)/.exec(error.message)?.[1] : undefined;
    if (position === undefined) throw error;
    throw unexpected(tokens[tokenIndexAt(starts, Number(position))] ?? tokens.at(-1));
  }
}

/** The refusal of a word that cannot stand where it does. */
export function unexpected(token: Token | undefined): Stopped {
  const at = token?.from ?? 0;
  const advice = "Write NAME = value, with text between quotes.";
  if (token === undefined || token.kind === "newline" || token.kind === "indent" || token.kind === "dedent") {
    return new Stopped("syntax", at, "Something is missing at the end of the line.", advice);
  }
  const shown = token.kind === "number" || token.kind === "string" ? `this ${token.kind}` : token.text;
  return new Stopped("syntax", at, `Python does not expect ${shown} here.`, advice);
}

/** Splits at commas; only one may stand at the end. */
export function splitAtCommas(nodes: readonly Node[]): { parts: Node[][]; trailing: boolean } {
  const parts: Node[][] = [];
  let part: Node[] = [];
  for (const node of nodes) {
    if (node.name !== ",") part.push(node);
    else {
      if (part.length === 0) throw unexpected(node.first);
      parts.push(part);
      part = [];
    }
  }
  const trailing = part.length === 0 && parts.length > 0;
  if (part.length > 0) parts.push(part);
  return { parts, trailing };
}

/** The first token at or after a position of the canonical text. */
function tokenIndexAt(starts: Int32Array, position: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) < position) low = middle + 1;
    else high = middle;
  }
  return low;
}

function nodesOf(tree: Tree, starts: Int32Array, tokens: readonly Token[]): Node[] {
  const roots: Node[] = [];
  const stack: Node[][] = [roots];
  let depth = 0;
  tree.iterate({
    enter: ({ name, from, to }) => {
      if (depth > 0) {
        const first = tokens[wordAt(starts, tokens, from)];
        const last = tokens[Math.max(tokenIndexAt(starts, to) - 1, 0)];
        if (first === undefined || last === undefined) throw new Error(`The grammar gave ${name} outside the file`);
        const node: Node = { name, first, last: endOf(first, last), children: [] };
        stack.at(-1)?.push(node);
        stack.push(node.children);
      }
      depth += 1;
    },
    leave: () => {
      depth -= 1;
      if (depth > 0) stack.pop();
    },
  });
  return roots;
}

/** A node that ends with its last word: line ends and blocks' ends that share its position are not part of it. */
function endOf(first: Token, last: Token): Token {
  return last.to < first.to ? first : last;
}

/** Indents and dedents have no length of their own in the canonical text: the word after them is meant. */
function wordAt(starts: Int32Array, tokens: readonly Token[], position: number): number {
  let index = tokenIndexAt(starts, position);
  while (tokens[index]?.kind === "indent" || tokens[index]?.kind === "dedent") index += 1;
  return index;
}

const separators: ReadonlySet<string> = new Set([",", ":", ";", "="]);

/** Refuses an expression of more operators and trailers than the grammar can hold: it would call it a mistake of syntax. */
function checkChains(tokens: readonly Token[]): void {
  const counts = [0];
  for (const token of tokens) {
    const { kind, text } = token;
    const level = counts.length - 1;
    if (kind === "newline" || (kind === "operator" && separators.has(text))) counts[level] = 0;
    else if (kind === "operator" || kind === "keyword") {
      if (text === ")" || text === "]" || text === "}") counts.pop();
      else {
        counts[level] = (counts[level] ?? 0) + 1;
        if ((counts[level] ?? 0) > maxChain) {
          throw new Stopped(
            "limit_exceeded",
            token.from,
            `An expression has more than ${maxChain} operators.`,
            "Write it in parts.",
          );
        }
        if (text === "(" || text === "[" || text === "{") counts.push(0);
      }
    }
  }
}
