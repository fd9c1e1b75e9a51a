// Cuts a file into tokens exactly as Python 2 would (and as Python 3, where Python 2 has no opinion), and checks everything that
// can be known without grammar: brackets, indentation, quotes, numbers, stray characters. It is linear in the length of the file,
// and what it lets through is well-formed enough that the grammar meets neither deep nesting nor broken words.

import { maxNesting, maxSourceLength, maxTokens } from "./limits.js";
import { readNumber } from "./number-literal.js";
import { Stopped } from "./stopped.js";
import { readStringBody } from "./string-literal.js";
import { keywords, type Token, type TokenKind } from "./token.js";

const word = /[A-Za-z_][A-Za-z0-9_]*/y;
const operator = /\*\*=|\/\/=|<<=|>>=|[-+*/%&|^<>=!]=|<>|\*\*|\/\/|<<|>>|[-+*/%&|^~<>()[\]{},:.`=;@]/y;
const quote = /'''|"""|['"]/y;
const stringPrefix = /^(?:[uU]?[rR]?|[bB][rR]?|[rR][bB]|[fF][rR]?|[rR][fF])$/;
const closing: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };

interface OpenBracket {
  text: string;
  at: number;
}

class Scanner {
  readonly tokens: Token[] = [];
  readonly #source: string;
  readonly #brackets: OpenBracket[] = [];
  readonly #indents: number[] = [0];
  #at: number;

  constructor(source: string) {
    this.#source = source;
    this.#at = source.charCodeAt(0) === 0xfeff ? 1 : 0;
  }

  run(): Token[] {
    let lineStart = true;
    while (this.#at < this.#source.length) {
      if (lineStart && this.#brackets.length === 0) {
        this.#blankLines();
        this.#indentation();
        lineStart = false;
        continue;
      }
      lineStart = this.#next();
    }
    this.#finish();
    return this.tokens;
  }

  /** Reads one token, comment or blank; true after the end of a line. */
  #next(): boolean {
    const source = this.#source;
    const char = source[this.#at] ?? "";
    if (char === " " || char === "\t" || char === "\f") {
      this.#at += 1;
      return false;
    }
    if (char === "\n" || char === "\r") {
      this.#endOfLine();
      return true;
    }
    if (char === "#") this.#comment();
    else if (char === "\\") this.#continuation();
    else if (/[A-Za-z_]/.test(char)) this.#word();
    else if (/[0-9]/.test(char) || (char === "." && /[0-9]/.test(source[this.#at + 1] ?? ""))) this.#number();
    else if (char === "'" || char === '"') this.#string(this.#at, "");
    else this.#operator();
    return false;
  }

  #put(kind: TokenKind, text: string, from: number, to: number): Token {
    if (this.tokens.length >= maxTokens) {
      throw new Stopped("limit_exceeded", from, `The file has more than ${maxTokens} words.`, "Make the file shorter.");
    }
    const token: Token = { kind, text, from, to };
    this.tokens.push(token);
    this.#at = Math.max(this.#at, to);
    return token;
  }

  #newlineLength(at: number): number {
    if (this.#source[at] === "\n") return 1;
    if (this.#source[at] !== "\r") return 0;
    return this.#source[at + 1] === "\n" ? 2 : 1;
  }

  #endOfLine(): void {
    const last = this.tokens.at(-1);
    const open = this.#brackets.length > 0;
    if (!open && last !== undefined && last.kind !== "newline" && last.kind !== "indent" && last.kind !== "dedent") {
      this.#put("newline", "", this.#at, this.#at);
    }
    this.#at += this.#newlineLength(this.#at);
  }

  #comment(): void {
    const end = this.#source.slice(this.#at).search(/[\r\n\0]/);
    if (end >= 0 && this.#source[this.#at + end] === "\0") throw this.#stray(this.#at + end);
    this.#at = end < 0 ? this.#source.length : this.#at + end;
  }

  #continuation(): void {
    const length = this.#newlineLength(this.#at + 1);
    if (length === 0 && this.#at + 1 < this.#source.length) {
      throw new Stopped(
        "syntax",
        this.#at,
        "A backslash stands outside quotes and not at the end of a line.",
        "Remove it.",
      );
    }
    this.#at += 1 + length;
  }

  #word(): void {
    word.lastIndex = this.#at;
    const text = word.exec(this.#source)?.[0] ?? "";
    const end = this.#at + text.length;
    const next = this.#source[end];
    if ((next === "'" || next === '"') && stringPrefix.test(text)) this.#string(end, text.toLowerCase());
    else this.#put(keywords.has(text) ? "keyword" : "name", text, this.#at, end);
  }

  #number(): void {
    const { value, to } = readNumber(this.#source, this.#at);
    const suffix = /[lL]/.test(this.#source[to - 1] ?? "") ? "L" : "";
    this.#put("number", suffix, this.#at, to).value = value;
  }

  #string(at: number, prefix: string): void {
    if (prefix.includes("f")) {
      throw new Stopped("refused_construct", this.#at, "f-strings are not part of the format.", "Write '%s' % value.");
    }
    quote.lastIndex = at;
    const mark = quote.exec(this.#source)?.[0] ?? "'";
    const from = at + mark.length;
    const end = this.#endOfString(from, mark);
    const value = readStringBody(this.#source, from, end, { unicode: prefix.includes("u"), raw: prefix.includes("r") });
    const last = this.tokens.at(-1);
    if (last?.kind === "string" && typeof last.value === "string") {
      last.value += value;
      last.to = end + mark.length;
      this.#at = last.to;
    } else this.#put("string", "", this.#at, end + mark.length).value = value;
  }

  #endOfString(from: number, mark: string): number {
    const source = this.#source;
    const marks = mark.charCodeAt(0);
    for (let at = from; at < source.length; at += 1) {
      const code = source.charCodeAt(at);
      // Nothing above a backslash ends, escapes or spoils a string: most letters are passed by this one question.
      if (code > 92) continue;
      const char = source[at];
      if (char === "\\") at += source[at + 1] === "\r" && source[at + 2] === "\n" ? 2 : 1;
      else if (char === "\0") throw this.#stray(at);
      else if ((char === "\n" || char === "\r") && mark.length === 1) break;
      else if (code === marks && source.startsWith(mark, at)) return at;
    }
    throw new Stopped("syntax", this.#at, "A string has no closing quote.", `Close it with ${mark}.`);
  }

  #operator(): void {
    operator.lastIndex = this.#at;
    const text = operator.exec(this.#source)?.[0];
    if (text === undefined) throw this.#stray(this.#at);
    if (text === "(" || text === "[" || text === "{") this.#open(text);
    const partner = closing[text];
    if (partner !== undefined) this.#close(text, partner);
    this.#put("operator", text, this.#at, this.#at + text.length);
  }

  #open(text: string): void {
    if (this.#brackets.length >= maxNesting) {
      throw new Stopped(
        "limit_exceeded",
        this.#at,
        `Brackets are nested deeper than ${maxNesting}.`,
        "Nest them less.",
      );
    }
    this.#brackets.push({ text, at: this.#at });
  }

  #close(text: string, partner: string): void {
    if (this.#brackets.pop()?.text === partner) return;
    throw new Stopped(
      "syntax",
      this.#at,
      `The bracket ${text} closes nothing.`,
      `Remove it, or open it with ${partner}.`,
    );
  }

  /** Passes over lines that hold nothing but blanks. */
  #blankLines(): void {
    const source = this.#source;
    for (let at = this.#at; ; at += 1) {
      const code = source.charCodeAt(at);
      if (code === 10 || code === 13) this.#at = at + 1;
      else if (code !== 32 && code !== 9 && code !== 12) return;
    }
  }

  #indentation(): void {
    const source = this.#source;
    let column = 0;
    let at = this.#at;
    for (; ; at += 1) {
      if (source[at] === " ") column += 1;
      else if (source[at] === "\t") column = (Math.floor(column / 8) + 1) * 8;
      else if (source[at] === "\f") column = 0;
      else break;
    }
    this.#at = at;
    const char = source[at];
    if (char === undefined || char === "#" || char === "\n" || char === "\r") return;
    this.#indentTo(column);
  }

  #indentTo(column: number): void {
    const current = this.#indents.at(-1) ?? 0;
    const last = this.tokens.at(-1);
    const opened = this.tokens.at(-2);
    const afterColon = last?.kind === "newline" && opened?.kind === "operator" && opened.text === ":";
    if (column > current) {
      if (!afterColon)
        throw new Stopped("syntax", this.#at, "The line is indented without reason.", "Remove the blanks before it.");
      if (this.#indents.length > maxNesting) {
        throw new Stopped(
          "limit_exceeded",
          this.#at,
          `Blocks are nested deeper than ${maxNesting}.`,
          "Nest them less.",
        );
      }
      this.#indents.push(column);
      this.#put("indent", "", this.#at, this.#at);
      return;
    }
    if (afterColon)
      throw new Stopped("syntax", this.#at, "A block is missing after the colon.", "Indent the lines of the block.");
    while (column < (this.#indents.at(-1) ?? 0)) {
      this.#indents.pop();
      this.#put("dedent", "", this.#at, this.#at);
    }
    if (column === this.#indents.at(-1)) return;
    throw new Stopped(
      "syntax",
      this.#at,
      "The indentation matches no outer block.",
      "Indent it like the lines it belongs to.",
    );
  }

  #finish(): void {
    const open = this.#brackets.at(-1);
    if (open !== undefined) {
      throw new Stopped("syntax", open.at, `The bracket ${open.text} is never closed.`, "Close it.");
    }
    const last = this.tokens.at(-1);
    const end = this.#source.length;
    if (last !== undefined && last.kind !== "newline") this.#put("newline", "", end, end);
    const opened = this.tokens.at(-2);
    if (opened?.kind === "operator" && opened.text === ":") {
      throw new Stopped("syntax", end, "A block is missing after the colon.", "Indent the lines of the block.");
    }
    for (let depth = this.#indents.length; depth > 1; depth -= 1) this.#put("dedent", "", end, end);
  }

  #stray(at: number): Stopped {
    const code = this.#source.codePointAt(at) ?? 0;
    const shown =
      code > 32 && code < 127 ? String.fromCodePoint(code) : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
    return new Stopped(
      "syntax",
      at,
      `The character ${shown} has no meaning here.`,
      "Remove it, or put it between quotes.",
    );
  }
}

/** The tokens of a file. Throws `Stopped` on the first thing that no Python would read, or that a bound forbids. */
export function scan(source: string): Token[] {
  if (source.length > maxSourceLength) {
    throw new Stopped("limit_exceeded", 0, "The file is longer than 1 MiB.", "Keep large data in files of their own.");
  }
  return new Scanner(source).run();
}
