import type { Long } from "../run/thing.js";

export type TokenKind = "name" | "keyword" | "number" | "string" | "operator" | "newline" | "indent" | "dedent";

/** One word of a file. `from` and `to` are offsets into the source; adjacent string literals are one token. */
export interface Token {
  kind: TokenKind;
  /** The word itself for names, keywords and operators, `L` for a number that ends so; empty for all others. */
  text: string;
  from: number;
  to: number;
  /** What a number or a string says. */
  value?: string | bigint | number | Long;
}

/** The keywords of Python 2. The names that Python 3 added to them (`nonlocal`, `async`) are ordinary names here. */
export const keywords: ReadonlySet<string> = new Set(
  "and as assert break class continue def del elif else except exec finally for from global if import in is lambda not or pass print raise return try while with yield".split(
    " ",
  ),
);
