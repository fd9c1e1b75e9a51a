import { Stopped } from "./stopped.js";

// How Python 2 reads what stands between quotes. Text has one type here, so the bytes that a plain literal spells with \x and
// octal escapes are read as UTF-8 where they are UTF-8, and as Latin-1 where they are not: `'\xc3\xa9'` and `u'\xe9'` agree.

export interface StringForm {
  /** `u'...'`: escapes name characters, not bytes. */
  unicode: boolean;
  raw: boolean;
}

const simpleEscapes: Readonly<Record<string, string>> = {
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};
const escapeSequence = /\\(?:\r\n|([0-7]{1,3})|x([0-9a-fA-F]{0,2})|([\s\S]))/g;

/** The text of a literal's body, which begins at offset `from`. Throws `Stopped` on an escape that is none. */
export function readStringBody(source: string, from: number, to: number, form: StringForm): string {
  const body = source.slice(from, to);
  if (!body.includes("\\") && !body.includes("\r")) return body;
  return form.raw && !form.unicode ? withUnixLines(body) : unescaped(body, from, form);
}

/** Python reads every line end of a source as a line feed, also within quotes. */
function withUnixLines(source: string): string {
  return source.replace(/\r\n?/g, "\n");
}

function unescaped(body: string, from: number, form: StringForm): string {
  const out: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length > 0) out.push(textOfBytes(bytes));
    bytes = [];
  };
  const put = (text: string): void => {
    flush();
    out.push(text);
  };
  let done = 0;
  for (const match of body.matchAll(escapeSequence)) {
    const [whole, octal, hex, other] = match;
    const at = match.index;
    if (at < done) continue;
    if (at > done) put(withUnixLines(body.slice(done, at)));
    done = at + whole.length;
    if (form.raw && other !== "u" && other !== "U") put(withUnixLines(whole));
    else if (octal !== undefined || hex !== undefined) {
      if (hex !== undefined && hex.length < 2)
        throw badEscape(from + at, `\\x${hex}`, "\\x needs two hexadecimal digits");
      const code = octal !== undefined ? Number.parseInt(octal, 8) : Number.parseInt(hex ?? "", 16);
      if (form.unicode || (code & 0xff) < 0x80) put(String.fromCharCode(form.unicode ? code : code & 0xff));
      else bytes.push(code & 0xff);
    } else if (other === undefined || other === "\n" || other === "\r") {
      flush();
    } else if (form.unicode && (other === "u" || other === "U" || other === "N")) {
      const named = namedCharacter(body, at, from, other);
      put(named.text);
      done = at + named.length;
    } else put(simpleEscapes[other] ?? whole);
  }
  put(withUnixLines(body.slice(done)));
  return out.join("");
}

function namedCharacter(body: string, at: number, from: number, letter: string): { text: string; length: number } {
  if (letter === "N") throw badEscape(from + at, "\\N", "character names are not part of the format");
  const digits = letter === "u" ? 4 : 8;
  const hex = body.slice(at + 2, at + 2 + digits);
  const code = Number.parseInt(hex, 16);
  if (hex.length < digits || !/^[0-9a-fA-F]+$/.test(hex) || code > 0x10ffff) {
    throw badEscape(from + at, `\\${letter}`, `\\${letter} needs ${digits} hexadecimal digits`);
  }
  return { text: String.fromCodePoint(code), length: 2 + digits };
}

function textOfBytes(bytes: number[]): string {
  const decoded = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  if (!decoded.includes("\ufffd")) return decoded;
  return String.fromCharCode(...bytes);
}

function badEscape(at: number, what: string, why: string): Stopped {
  return new Stopped(
    "syntax",
    at,
    `The escape ${what} is not valid: ${why}.`,
    "Write the character itself, or \\\\ for a backslash.",
  );
}
