// Says what Xen's own parser would of an xl configuration. xl's grammar is small: keys of lower-case letters, digits, `_` and `.`; values that are quoted
// text, unsigned numbers or lists of these; nothing else. The lexer and the grammar here are ours, made from what that parser was seen to accept and
// refuse (format-cases/xl-cases.json), its oddities included: a comment must end with a newline, `\x` is always refused, octal escapes vanish, and a
// character that it cannot read is passed over when it is the last of the file.
import type { Diagnostic } from "../diagnostic.js";

/** A value as xl reads it: text and numbers both as text, lists nested. */
export type XlValue =
  | { kind: "text"; text: string }
  | { kind: "number"; text: string }
  | { kind: "list"; items: XlValue[] };
export type XlOptions = Map<string, XlValue>;
export type XlConfig =
  | { accepted: true; options: XlOptions; diagnostics: [] }
  | { accepted: false; diagnostics: Diagnostic[] };

// Xen's own parser gives up at about 4,000.
const deepestList = 1000;
const largestFile = 1024 * 1024;

type Token =
  | { kind: "identifier" | "number" | "text"; text: string; at: number }
  | { kind: "=" | "+=" | "[" | "]" | "," | ";" | "end_of_line" | "end_of_file"; at: number };

/** Thrown within this file alone; `parseXlConfig` makes the diagnostic of it. */
class Refused extends Error {
  readonly at: number;
  readonly advice: string;
  constructor(at: number, message: string, advice: string) {
    super(message);
    this.at = at;
    this.advice = advice;
  }
}

/** Parses the text of a configuration file. Never throws; time is linear in its length. `file` names it in diagnostics. */
export function parseXlConfig(source: string, file = "xl.cfg"): XlConfig {
  try {
    if (source.length > largestFile)
      throw new Refused(0, `The configuration holds ${source.length} characters`, `Keep it below ${largestFile}.`);
    return { accepted: true, options: new Grammar(new Lexer(source)).file(), diagnostics: [] };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const before = source.slice(0, error.at);
    const line = before.split("\n").length;
    const column = error.at - before.lastIndexOf("\n");
    return {
      accepted: false,
      diagnostics: [
        { file, line, column, severity: "error", code: "xl_syntax", message: error.message, advice: error.advice },
      ],
    };
  }
}

const words = {
  blanks: /[ \t]*/y,
  identifier: /[a-z][._0-9a-z]*/y,
  number: /[0-9][0-9a-fx]*/y,
  sign: /\+=|[=[\],;\n]/y,
  octal: /[0-7](?=[ \t\v\f\r]*[-+]?[0-9])/y,
};

class Lexer {
  readonly #source: string;
  #at = 0;
  constructor(source: string) {
    this.#source = source;
  }

  next(): Token {
    this.#match(words.blanks);
    const at = this.#at;
    const first = this.#source[at];
    if (first === undefined) return { kind: "end_of_file", at };
    const identifier = this.#match(words.identifier);
    if (identifier !== undefined) return { kind: "identifier", text: identifier, at };
    const number = this.#match(words.number);
    if (number !== undefined) return { kind: "number", text: number, at };
    if ((first === "'" || first === '"') && at < this.#source.length - 1)
      return { kind: "text", text: this.#quoted(first), at };
    if (first === "#") return this.#comment(at);
    const sign = this.#match(words.sign);
    if (sign === "\n") return { kind: "end_of_line", at };
    if (sign !== undefined) return { kind: sign as "=" | "+=" | "[" | "]" | "," | ";", at };
    return this.#unreadable(unexpected(first, at), at);
  }

  /** What has no meaning is refused, unless it is the last byte of the file: there xl's lexer meets the end first, and says nothing. */
  #unreadable(refusal: Refused, at: number): Token {
    if (at < this.#source.length - 1 || (this.#source.codePointAt(at) ?? 0) >= 0x80) throw refusal;
    this.#at = this.#source.length;
    return { kind: "end_of_file", at };
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #comment(at: number): Token {
    const end = this.#source.indexOf("\n", at);
    if (end < 0)
      return this.#unreadable(
        new Refused(at, "A comment on the last line has no newline behind it", "End the file with a newline."),
        at,
      );
    this.#at = end + 1;
    return { kind: "end_of_line", at };
  }

  #quoted(quote: string): string {
    const start = this.#at;
    let text = "";
    this.#at += 1;
    for (;;) {
      const char = this.#source[this.#at];
      if (char === undefined || char === "\n")
        throw new Refused(
          start,
          "A quoted text does not end on its line",
          "Close the quotes on the same line; write \\n for a newline.",
        );
      this.#at += 1;
      if (char === quote) return text;
      text += char === "\\" ? this.#escape() : char;
    }
  }

  #escape(): string {
    const at = this.#at - 1;
    // xl reads an octal escape in its own way, and puts nothing in its place: behind the first digit, up to three characters that C's strtoul() takes for a
    // decimal number, and two at least.
    if (this.#match(words.octal) !== undefined) {
      const number = /^[ \t\v\f\r]*[-+]?[0-9]+/.exec(this.#source.slice(this.#at, this.#at + 3))?.[0] ?? "";
      if (number.length < 2)
        throw new Refused(at, "xl refuses an octal escape of less than three digits", "Write the character itself.");
      this.#at += number.length;
      return "";
    }
    const char = this.#source[this.#at] ?? "";
    const meaning = escapes.get(char);
    if (meaning === undefined)
      throw new Refused(at, `xl refuses the escape \\${char}`, "Use only \\\\ \\' \\\" \\n \\t \\r \\a \\b \\f \\v.");
    this.#at += 1;
    return meaning;
  }
}

const escapes: ReadonlyMap<string, string> = new Map([
  ["\\", "\\"],
  ["'", "'"],
  ['"', '"'],
  ["n", "\n"],
  ["t", "\t"],
  ["r", "\r"],
  ["a", "\u0007"],
  ["b", "\b"],
  ["f", "\f"],
  ["v", "\v"],
]);

function unexpected(char: string, at: number): Refused {
  if (char === "\r") return new Refused(at, "xl refuses a carriage return", "Write the file with Unix line ends.");
  if (char === "\ufeff") return new Refused(at, "xl refuses a byte order mark", "Write the file as UTF-8 without one.");
  if (/[A-Z_]/.test(char))
    return new Refused(
      at,
      `xl refuses "${char}" at the start of a word`,
      "Keys are lower-case and start with a letter; text stands in quotes.",
    );
  return new Refused(
    at,
    `xl refuses ${JSON.stringify(char)} here`,
    "Values are quoted text, unsigned numbers, or lists of these in [ ].",
  );
}

class Grammar {
  readonly #lexer: Lexer;
  #token: Token;
  readonly #options: XlOptions = new Map();
  constructor(lexer: Lexer) {
    this.#lexer = lexer;
    this.#token = lexer.next();
  }

  file(): XlOptions {
    for (;;) {
      if (this.#token.kind === "end_of_file") return this.#options;
      if (this.#token.kind === "identifier") this.#setting(this.#token.text);
      const end = this.#take();
      if (end.kind === "end_of_file") return this.#options;
      if (end.kind !== "end_of_line" && end.kind !== ";") throw misplaced(end);
    }
  }

  #take(): Token {
    const taken = this.#token;
    if (taken.kind !== "end_of_file") this.#token = this.#lexer.next();
    return taken;
  }

  #setting(key: string): void {
    this.#take();
    const sign = this.#take();
    if (sign.kind !== "=" && sign.kind !== "+=") throw misplaced(sign);
    const at = this.#token.at;
    const value = this.#value(0);
    this.#options.set(key, sign.kind === "=" ? value : appended(this.#options.get(key), value, at));
  }

  #value(depth: number): XlValue {
    const token = this.#take();
    if (token.kind === "text" || token.kind === "number") return { kind: token.kind, text: token.text };
    if (token.kind !== "[") throw misplaced(token);
    if (depth >= deepestList)
      throw new Refused(token.at, `Lists are nested deeper than ${deepestList}`, "Nest them less deeply.");
    return { kind: "list", items: this.#items(depth) };
  }

  #items(depth: number): XlValue[] {
    const items: XlValue[] = [];
    this.#skipLines();
    while (this.#token.kind !== "]") {
      items.push(this.#value(depth + 1));
      this.#skipLines();
      if (this.#token.kind !== ",") break;
      this.#take();
      this.#skipLines();
    }
    const end = this.#take();
    if (end.kind !== "]") throw misplaced(end);
    return items;
  }

  #skipLines(): void {
    while (this.#token.kind === "end_of_line") this.#take();
  }
}

function appended(before: XlValue | undefined, value: XlValue, at: number): XlValue {
  if (before === undefined) return value;
  if (before.kind === "list" && value.kind === "list")
    return { kind: "list", items: [...before.items, ...value.items] };
  if (before.kind !== "list" && value.kind !== "list") return { kind: "text", text: before.text + value.text };
  throw new Refused(at, "`+=` joins a list with what is no list", "Append a list to a list, text to text.");
}

function misplaced(token: Token): Refused {
  const what =
    token.kind === "end_of_line"
      ? "a line ends"
      : token.kind === "end_of_file"
        ? "the file ends"
        : `"${"text" in token ? token.text.slice(0, 40) : token.kind}" stands`;
  return new Refused(
    token.at,
    `${what} where xl expects something else`,
    'A line is: key = "text", key = 12, or key = ["a", "b"].',
  );
}

/** The options as a flat record, lists as `disk[0]`, `disk[1]`: what `convirt xl check --json` prints. */
export function flattenXlOptions(options: XlOptions): Record<string, string> {
  const flat = Object.create(null) as Record<string, string>;
  const add = (key: string, value: XlValue): void => {
    if (value.kind !== "list") flat[key] = value.text;
    else for (const [index, item] of value.items.entries()) add(`${key}[${index}]`, item);
  };
  for (const [key, value] of options) add(key, value);
  return flat;
}
