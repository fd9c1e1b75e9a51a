// Python 2's `text % values`.

import { Tuple } from "../value.js";
import { keyIn, numberOf } from "./compare.js";
import { fixedDigits, significantDigits } from "./exact-decimal.js";
import type { Run } from "./run.js";
import { exponentText, floatRepr, integerText, layOut, reprOf, strOf } from "./text.js";
import { Long, type Thing } from "./thing.js";
import { typeName } from "./type-name.js";

const directive = /%(?:\(((?:[^()]|\([^()]*\))*)\))?([-+ #0]*)(\*|\d*)(?:\.(\*|\d*))?[hlL]?([\s\S]?)/y;
const maxWidth = 1_000_000;
const maxPrecision = 10_000;

interface Spec {
  flags: string;
  width: number;
  precision: number | undefined;
  conversion: string;
}

/** Hands out the values one after the other, or by key. */
class Values {
  readonly #values: Thing;
  readonly #run: Run;
  #next = 0;
  #byKey = false;

  constructor(values: Thing, run: Run) {
    this.#values = values;
    this.#run = run;
  }

  next(): Thing {
    const index = this.#next;
    this.#next += 1;
    const items = this.#values instanceof Tuple ? this.#values.items : [this.#values];
    const value = items[index];
    if (value === undefined || this.#byKey) {
      throw this.#run.fail("TypeError", "not enough arguments for format string", "Give one value for each %.");
    }
    return value;
  }

  byKey(key: string): Thing {
    if (!(this.#values instanceof Map))
      throw this.#run.fail("TypeError", "format requires a mapping", "Give a dict after %.");
    this.#byKey = true;
    const value = this.#values.get(keyIn(this.#values, key, this.#run));
    if (value === undefined) throw this.#run.fail("KeyError", `'${key}'`, "Name a key of the dict.");
    return value;
  }

  finish(): void {
    if (this.#byKey || this.#values instanceof Map || Array.isArray(this.#values)) return;
    const count = this.#values instanceof Tuple ? this.#values.items.length : 1;
    if (this.#next < count) {
      throw this.#run.fail(
        "TypeError",
        "not all arguments converted during string formatting",
        "Give one value for each %.",
      );
    }
  }
}

export function percentFormat(format: string, values: Thing, run: Run): string {
  run.make(format.length);
  const given = new Values(values, run);
  const out: string[] = [];
  let at = 0;
  for (let percent = format.indexOf("%"); percent >= 0; percent = format.indexOf("%", at)) {
    out.push(format.slice(at, percent));
    directive.lastIndex = percent;
    const match = directive.exec(format);
    if (match === null) throw run.fail("ValueError", "incomplete format key", "Close the bracket after %.");
    at = percent + match[0].length;
    const text = one(match, given, run);
    run.make(text.length);
    run.spend(128);
    out.push(text);
  }
  out.push(format.slice(at));
  given.finish();
  const size = out.reduce((sum, part) => sum + part.length, 0);
  run.make(size);
  return out.join("");
}

function one(match: RegExpExecArray, given: Values, run: Run): string {
  const [, key, flags = "", width = "", precision, conversion = ""] = match;
  const keyed = key === undefined ? undefined : given.byKey(key);
  const spec: Spec = {
    flags,
    width: starred(width, given, run),
    precision: precision === undefined ? undefined : Math.max(starred(precision, given, run), 0),
    conversion,
  };
  if (width === "*" && spec.width < 0) {
    spec.width = -spec.width;
    spec.flags += "-";
  }
  if (spec.width > maxWidth || (spec.precision ?? 0) > maxPrecision) throw run.limit("A format is too wide");
  if (conversion === "") throw run.fail("ValueError", "incomplete format", "Write %% for a percent sign.");
  if (conversion === "%") return pad("%", spec);
  if (!"srcdiuoxXeEfFgG".includes(conversion)) {
    throw run.fail("ValueError", `unsupported format character '${conversion}'`, "Write %% for a percent sign.");
  }
  return convert(keyed ?? (key === undefined ? given.next() : null), spec, run);
}

function starred(text: string, given: Values, run: Run): number {
  if (text !== "*") return text === "" ? 0 : Number(text);
  const value = numberOf(given.next());
  if (typeof value !== "bigint") throw run.fail("TypeError", "* wants int", "Give an int for each *.");
  return Number(value);
}

function convert(value: Thing, spec: Spec, run: Run): string {
  switch (spec.conversion) {
    case "s":
      return pad(cut(strOf(value, run), spec), spec);
    case "r":
      return pad(cut(reprOf(value, run), spec), spec);
    case "c":
      return pad(character(value, run), spec);
    case "d":
    case "i":
    case "u":
    case "o":
    case "x":
    case "X":
      return integer(value, spec, run);
    default:
      return float(value, spec, run);
  }
}

function cut(text: string, { precision }: Spec): string {
  return precision === undefined || precision >= text.length ? text : [...text].slice(0, precision).join("");
}

function character(value: Thing, run: Run): string {
  if (typeof value === "string" && [...value.slice(0, 3)].length === 1) return value;
  const code = numberOf(value);
  if (typeof code !== "bigint")
    throw run.fail("TypeError", "%c requires int or char", "Give a number or one character.");
  if (code < 0 || code > 255)
    throw run.fail("OverflowError", "unsigned byte integer is out of range", "Give a number below 256.");
  return String.fromCharCode(Number(code));
}

/** `[sign][prefix]digits`, filled with zeros between sign and digits where the flag says so. */
export function number(sign: string, digits: string, spec: { flags: string; width: number }): string {
  const prefix = sign !== "" ? sign : spec.flags.includes("+") ? "+" : spec.flags.includes(" ") ? " " : "";
  if (spec.flags.includes("0") && !spec.flags.includes("-")) {
    const hex = /^0[xX]/.test(digits) && spec.flags.includes("#") ? 2 : 0;
    const filled = digits.slice(hex).padStart(spec.width - prefix.length - hex, "0");
    return prefix + digits.slice(0, hex) + filled;
  }
  return pad(prefix + digits, spec);
}

function pad(text: string, { flags, width }: { flags: string; width: number }): string {
  return flags.includes("-") ? text.padEnd(width) : text.padStart(width);
}

function integer(value: Thing, spec: Spec, run: Run): string {
  const given = numberOf(value);
  if (given === undefined) {
    throw run.fail(
      "TypeError",
      `%${spec.conversion} format: a number is required, not ${typeName(value)}`,
      "Give a number.",
    );
  }
  if (typeof given === "number" && !Number.isFinite(given))
    throw run.fail("OverflowError", "cannot convert float infinity to integer");
  const whole = typeof given === "number" ? BigInt(Math.trunc(given)) : given;
  const size = whole < 0n ? -whole : whole;
  let digits = inBase(size, spec.conversion, run).padStart(spec.precision ?? 0, "0");
  if (spec.flags.includes("#")) digits = alternate(digits, spec, value);
  return number(whole < 0n ? "-" : "", digits, spec);
}

function inBase(size: bigint, conversion: string, run: Run): string {
  if (conversion === "o") return size.toString(8);
  if (conversion === "x") return size.toString(16);
  if (conversion === "X") return size.toString(16).toUpperCase();
  return integerText(size, run);
}

function alternate(digits: string, { conversion }: Spec, value: Thing): string {
  if (conversion === "x") return `0x${digits}`;
  if (conversion === "X") return `0X${digits}`;
  if (conversion === "o" && (!digits.startsWith("0") || value instanceof Long)) return `0${digits}`;
  return digits;
}

function float(value: Thing, spec: Spec, run: Run): string {
  const given = numberOf(value);
  if (given === undefined)
    throw run.fail("TypeError", `float argument required, not ${typeName(value)}`, "Give a number.");
  const float = Number(given);
  if (typeof given === "bigint" && !Number.isFinite(float))
    throw run.fail("OverflowError", "the number is too large for a float");
  const negative = float < 0 || Object.is(float, -0);
  if (!Number.isFinite(float)) {
    const text = floatRepr(Math.abs(float));
    return number(negative ? "-" : "", text, { flags: spec.flags.replaceAll("0", ""), width: spec.width });
  }
  run.spend(2000 + 40 * (spec.precision ?? 6));
  const text = floatDigits(float, spec.conversion, spec.precision ?? 6, spec.flags.includes("#"));
  return number(negative ? "-" : "", text, spec);
}

/** |value| by `%e`, `%f` or `%g`. */
export function floatDigits(value: number, conversion: string, precision: number, alternateForm: boolean): string {
  const lower = conversion.toLowerCase();
  let text: string;
  if (lower === "f") text = withPoint(fixedDigits(value, precision), alternateForm);
  else if (lower === "e") {
    const { digits, exponent } = significantDigits(value, precision + 1);
    const fraction = precision > 0 ? `.${digits.slice(1)}` : alternateForm ? "." : "";
    text = `${digits.charAt(0)}${fraction}e${exponentText(exponent)}`;
  } else text = general(value, precision === 0 ? 1 : precision, alternateForm);
  return conversion === lower ? text : text.toUpperCase();
}

function withPoint(text: string, wanted: boolean): string {
  return wanted && !text.includes(".") ? `${text}.` : text;
}

function general(value: number, precision: number, alternateForm: boolean): string {
  const { digits, exponent } = significantDigits(value, precision);
  if (!alternateForm) return layOut(digits.replace(/0+$/, "") || "0", exponent, precision, false);
  const text = layOut(digits, exponent, precision, false);
  if (text.includes(".")) return text;
  const [mantissa = "", power] = text.split("e");
  return power === undefined ? `${mantissa}.` : `${mantissa}.e${power}`;
}
