// How Python 2 writes its values: `str()` and `repr()`. Text is one type; its repr is that of a byte string in UTF-8, plain ASCII
// whatever the text, and reads back as the same text.

import { maxNesting } from "../source/limits.js";
import { Stopped } from "../source/stopped.js";
import { Tuple } from "../value.js";
import { significantDigits } from "./exact-decimal.js";
import { Callable, type Instance, type Iteration, Long, Module, type Thing } from "./thing.js";

/** What a writer pays to: an evaluation's meter, or nothing. */
export interface Payer {
  at: number;
  make(size: number): void;
}

const freeOfCharge: Payer = { at: 0, make: () => undefined };

/** `str(value)`: text as it is, floats to 12 digits, containers as their repr. */
export function strOf(value: Thing, payer: Payer = freeOfCharge): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return floatStr(value);
  if (value instanceof Long) return integerText(value.value, payer);
  if (typeof value === "bigint") return integerText(value, payer);
  return reprOf(value, payer);
}

/** `repr(value)`. */
export function reprOf(value: Thing, payer: Payer = freeOfCharge): string {
  return new Writer(payer, reprOfText).write(value);
}

/** Like `repr`, but with letters, digits and signs of every script as themselves: for files that people read. */
export function literalOf(value: Thing): string {
  return new Writer(freeOfCharge, literalOfText).write(value);
}

export function integerText(value: bigint, payer: Payer): string {
  // Converting to decimal digits takes more than linear time: 1,000 bits are charged as 300 characters.
  const digits = value.toString(16).length;
  payer.make(digits * (1 + digits / 1000));
  return value.toString();
}

class Writer {
  readonly #payer: Payer;
  readonly #text: (text: string) => string;
  #depth = 0;

  constructor(payer: Payer, text: (text: string) => string) {
    this.#payer = payer;
    this.#text = text;
  }

  write(value: Thing): string {
    if (value === null) return "None";
    if (typeof value === "boolean") return value ? "True" : "False";
    if (typeof value === "bigint") {
      const text = integerText(value, this.#payer);
      return BigInt.asIntN(64, value) === value ? text : `${text}L`;
    }
    if (typeof value === "number") return floatRepr(value);
    if (typeof value === "string") {
      this.#payer.make(value.length);
      const text = this.#text(value);
      this.#payer.make(text.length);
      return text;
    }
    if (value instanceof Long) return `${integerText(value.value, this.#payer)}L`;
    if (value instanceof Tuple || Array.isArray(value) || value instanceof Map) return this.#container(value);
    return opaque(value);
  }

  #container(value: Thing[] | Tuple<Thing> | Map<Thing, Thing>): string {
    if (this.#depth >= maxNesting) {
      throw new Stopped(
        "limit_exceeded",
        this.#payer.at,
        `A value is nested deeper than ${maxNesting}.`,
        "Nest it less.",
      );
    }
    this.#depth += 1;
    const text = value instanceof Map ? this.#dict(value) : this.#sequence(value);
    this.#depth -= 1;
    this.#payer.make(text.length);
    return text;
  }

  #dict(value: Map<Thing, Thing>): string {
    const pairs: string[] = [];
    for (const [key, item] of value) {
      this.#payer.make(16);
      pairs.push(`${this.write(key)}: ${this.write(item)}`);
    }
    return `{${pairs.join(", ")}}`;
  }

  #sequence(value: Thing[] | Tuple<Thing>): string {
    const texts: string[] = [];
    for (const item of Array.isArray(value) ? value : value.items) {
      this.#payer.make(16);
      texts.push(this.write(item));
    }
    const inner = texts.join(", ");
    if (Array.isArray(value)) return `[${inner}]`;
    return texts.length === 1 ? `(${inner},)` : `(${inner})`;
  }
}

function opaque(value: Module | Callable | Instance | Iteration): string {
  if (value instanceof Module) return `<module '${value.name}' (built-in)>`;
  if (value instanceof Callable) return `<built-in function ${value.name}>`;
  return `<${value.typeName} object>`;
}

const plainText = /^[\x20-\x26\x28-\x5b\x5d-\x7e]*$/;
const special: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };
const loneSurrogate = /\p{Surrogate}/u;
const encoder = new TextEncoder();

function quoteFor(text: string): string {
  return text.includes("'") && !text.includes('"') ? '"' : "'";
}

/** How a byte stands in a repr, but for the quote. */
const byteTexts: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  return special[character] ?? (byte >= 32 && byte < 127 ? character : `\\x${byte.toString(16).padStart(2, "0")}`);
});

function reprOfText(text: string): string {
  if (plainText.test(text)) return `'${text}'`;
  if (loneSurrogate.test(text)) return unicodeLiteral(text);
  const quote = quoteFor(text);
  const texts = [...byteTexts];
  texts[quote.charCodeAt(0)] = `\\${quote}`;
  let out = quote;
  for (const byte of encoder.encode(text)) out += texts[byte];
  return out + quote;
}

function literalOfText(text: string): string {
  if (plainText.test(text)) return `'${text}'`;
  if (loneSurrogate.test(text)) return unicodeLiteral(text);
  const quote = quoteFor(text);
  const body = text.replace(/[^\p{L}\p{N}\p{P}\p{S} ]|[\\'"]/gu, (character) =>
    character === quote
      ? `\\${character}`
      : character === "'" || character === '"'
        ? character
        : reprOfText(character).slice(1, -1),
  );
  return `${quote}${body}${quote}`;
}

/** Half a surrogate pair has no UTF-8: only a `u''` literal can say it. */
function unicodeLiteral(text: string): string {
  const out: string[] = [];
  for (const unit of text.split("")) {
    const code = unit.charCodeAt(0);
    if (unit === "'" || unit === "\\") out.push("\\", unit);
    else if (code >= 32 && code < 127) out.push(unit);
    else out.push("\\u", code.toString(16).padStart(4, "0"));
  }
  return `u'${out.join("")}'`;
}

function notFinite(value: number): string {
  if (Number.isNaN(value)) return "nan";
  return value > 0 ? "inf" : "-inf";
}

/** Shortest digits that read back as the same float, laid out as `repr` does. */
export function floatRepr(value: number): string {
  if (!Number.isFinite(value)) return notFinite(value);
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [mantissa = "", exponent = "0"] = Math.abs(value).toExponential().split("e");
  return (value < 0 ? "-" : "") + layOut(mantissa.replace(".", ""), Number(exponent), 16, true);
}

/** `%.12g`, with `.0` where it would look like an int: so there is one digit less before an exponent is needed. */
export function floatStr(value: number, precision = 12): string {
  if (!Number.isFinite(value)) return notFinite(value);
  if (value === 0 && precision > 1) return Object.is(value, -0) ? "-0.0" : "0.0";
  const { digits, exponent } = significantDigits(value, precision);
  return (value < 0 ? "-" : "") + layOut(digits.replace(/0+$/, "") || "0", exponent, precision - 1, true);
}

/** Digits and a decimal exponent as `%g` writes them: in full between 1e-4 and `threshold` digits, else with an exponent. */
export function layOut(digits: string, exponent: number, threshold: number, pointZero: boolean): string {
  if (exponent < -4 || exponent >= threshold) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
    return `${digits.charAt(0)}${fraction}e${exponentText(exponent)}`;
  }
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const fraction = digits.slice(exponent + 1);
  if (fraction !== "") return `${whole}.${fraction}`;
  return pointZero ? `${whole}.0` : whole;
}

export function exponentText(exponent: number): string {
  return (exponent < 0 ? "-" : "+") + Math.abs(exponent).toString().padStart(2, "0");
}
