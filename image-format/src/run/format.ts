// `text.format(...)`: fields by place or name, with `.attribute` refused, `[index]`, `!r`, `!s` and the format mini-language.

import { refuse } from "../source/refused.js";
import { numberOf } from "./compare.js";
import { floatDigits } from "./percent.js";
import type { Run } from "./run.js";
import { element } from "./sequence.js";
import { floatStr, integerText, reprOf, strOf } from "./text.js";
import type { CallArguments, Thing } from "./thing.js";
import { typeName } from "./type-name.js";

const field = /\{([^{}!:[\].]*)((?:\.[^{}!:[\].]*|\[[^\]{}]*\])*)(?:!([^{}:]*))?(?::((?:[^{}]|\{[^{}]*\})*))?\}/y;
const nestedField = /\{([^{}!:[\].]*)((?:\.[^{}!:[\].]*|\[[^\]{}]*\])*)\}/g;
const specification = /^(?:([\s\S])?([<>=^]))?([-+ ])?(#)?(0)?(\d*)(,)?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/;

interface Numbering {
  next: number;
  automatic: boolean | undefined;
}

export function formatText(text: string, args: CallArguments, run: Run): string {
  const out: string[] = [];
  const numbering: Numbering = { next: 0, automatic: undefined };
  let size = 0;
  for (let at = 0; at < text.length; ) {
    const brace = text.slice(at).search(/[{}]/);
    run.make(text.length - at);
    const stop = brace < 0 ? text.length : at + brace;
    out.push(text.slice(at, stop));
    if (stop === text.length) break;
    const piece = brace_(text, stop, { args, numbering, run });
    out.push(piece.text);
    size += piece.text.length;
    run.make(size);
    at = piece.to;
  }
  return out.join("");
}

function brace_(
  text: string,
  at: number,
  { args, numbering, run }: { args: CallArguments; numbering: Numbering; run: Run },
): { text: string; to: number } {
  if (text[at] === text[at + 1]) return { text: text.charAt(at), to: at + 2 };
  field.lastIndex = at;
  const match = field.exec(text);
  if (match === null) {
    throw run.fail("ValueError", "a brace that is not doubled and opens no field", "Write {{ and }} for braces.");
  }
  const [whole, name = "", path = "", conversion, spec = ""] = match;
  let value = argument(name, args, numbering, run);
  value = walk(value, path, run);
  if (conversion === "r") value = reprOf(value, run);
  else if (conversion === "s") value = strOf(value, run);
  else if (conversion !== undefined)
    throw run.fail("ValueError", `unknown conversion ${conversion}`, "Write !r or !s.");
  const filled = spec.replace(nestedField, (_field, inner: string, innerPath: string) =>
    strOf(walk(argument(inner, args, numbering, run), innerPath, run), run),
  );
  return { text: formatted(value, filled, run), to: at + whole.length };
}

function argument(name: string, args: CallArguments, numbering: Numbering, run: Run): Thing {
  if (name === "" || /^[0-9]+$/.test(name)) {
    const automatic = name === "";
    if (numbering.automatic !== undefined && numbering.automatic !== automatic) {
      throw run.fail("ValueError", "fields with and without numbers are mixed", "Number all fields or none.");
    }
    numbering.automatic = automatic;
    const index = automatic ? numbering.next : Number(name);
    numbering.next += 1;
    const value = args.positional[index];
    if (value === undefined) throw run.fail("IndexError", "tuple index out of range", "Give a value for each field.");
    return value;
  }
  const value = args.keywords.get(name);
  if (value === undefined) throw run.fail("KeyError", `'${name}'`, "Give a value for each field.");
  return value;
}

function walk(from: Thing, path: string, run: Run): Thing {
  let value = from;
  for (const [, attribute, index = ""] of path.matchAll(/\.([^.[]*)|\[([^\]]*)\]/g)) {
    if (attribute !== undefined) throw refuse(run.at, "An attribute in a format field", "Give the value itself.");
    if (index === "") throw run.fail("ValueError", "empty attribute in format string");
    value = element(value, /^[0-9]+$/.test(index) ? BigInt(index) : index, run);
  }
  return value;
}

/** `format(value, spec)`. */
export function formatted(value: Thing, spec: string, run: Run): string {
  if (spec === "") return strOf(value, run);
  const match = specification.exec(spec);
  if (match === null)
    throw run.fail("ValueError", `invalid format specification '${spec.slice(0, 40)}'`, "Write like {0:>8}.");
  const [, fill, align, sign = "", alternate, zero, widthText = "", comma, precisionText, type] = match;
  const width = Number(widthText || 0);
  const precision = precisionText === undefined ? undefined : Number(precisionText);
  if (width > 1_000_000 || (precision ?? 0) > 10_000) throw run.limit("A format is too wide");
  const number = numberOf(value);
  const given = { sign, alternate: alternate !== undefined, comma: comma !== undefined, precision, type };
  if (number === undefined) {
    if (align === "=" || (zero !== undefined && align === undefined))
      throw run.fail("ValueError", "'=' alignment not allowed in string format specifier", "Write < or >.");
    const text = textField(value, given, run);
    return align_(text, "", { fill: fill ?? (zero === undefined ? " " : "0"), align: align ?? "<", width }, run);
  }
  const { prefix, digits } = numberField(value, number, given, run);
  const layout = {
    fill: fill ?? (zero === undefined ? " " : "0"),
    align: align ?? (zero === undefined ? ">" : "="),
    width,
  };
  return align_(digits, prefix, layout, run);
}

interface FieldSpec {
  sign: string;
  alternate: boolean;
  comma: boolean;
  precision: number | undefined;
  type: string | undefined;
}

function textField(value: Thing, spec: FieldSpec, run: Run): string {
  const wrong = spec.type !== undefined && spec.type !== "s";
  if (wrong || spec.sign !== "" || spec.comma || spec.alternate) {
    throw run.fail("ValueError", `this format does not fit a ${typeName(value)}`, "Give a number.");
  }
  const text = strOf(value, run);
  return spec.precision === undefined ? text : [...text].slice(0, spec.precision).join("");
}

function numberField(
  value: Thing,
  number: bigint | number,
  spec: FieldSpec,
  run: Run,
): { prefix: string; digits: string } {
  const negative = number < 0 || Object.is(number, -0);
  const prefix = negative ? "-" : spec.sign === "-" ? "" : spec.sign;
  const digits = digitsOf(value, number, spec, run);
  if (!spec.comma) return { prefix, digits };
  return { prefix, digits: digits.replace(/^\d+/, (whole) => whole.replace(/\B(?=(?:\d{3})+$)/g, ",")) };
}

function digitsOf(value: Thing, number: bigint | number, spec: FieldSpec, run: Run): string {
  const { type, precision, alternate } = spec;
  if (type === "s" || (typeof number === "number" && type !== undefined && "bcdoxX".includes(type))) {
    throw run.fail(
      "ValueError",
      `Unknown format code '${type}' for object of type '${typeName(value)}'`,
      "Choose another code.",
    );
  }
  if (typeof number === "bigint" && (type === undefined || "bcdoxXn".includes(type))) {
    if (precision !== undefined) throw run.fail("ValueError", "Precision not allowed in integer format specifier");
    if (type === "c" && number < 0n) throw run.fail("OverflowError", "%c arg not in range(0x100)");
    return integerDigits(number < 0n ? -number : number, type ?? "d", alternate, run);
  }
  const float = Math.abs(Number(number));
  if (!Number.isFinite(float)) return floatStr(float);
  run.spend(2000 + 40 * (precision ?? 6));
  if (type === "%") return `${floatDigits(float * 100, "f", precision ?? 6, false)}%`;
  if (type !== undefined && type !== "n") return floatDigits(float, type, precision ?? 6, alternate);
  if (type === "n") return floatDigits(float, "g", precision ?? 6, false);
  if (precision === undefined) return floatStr(float);
  return floatStr(float, Math.max(precision, 1));
}

function integerDigits(size: bigint, type: string, alternate: boolean, run: Run): string {
  switch (type) {
    case "b":
      run.make(size.toString(16).length * 4);
      return (alternate ? "0b" : "") + size.toString(2);
    case "o":
      return (alternate ? "0o" : "") + size.toString(8);
    case "x":
      return (alternate ? "0x" : "") + size.toString(16);
    case "X":
      return (alternate ? "0X" : "") + size.toString(16).toUpperCase();
    case "c":
      if (size > 255n) throw run.fail("OverflowError", "%c arg not in range(0x100)");
      return String.fromCharCode(Number(size));
    default:
      return integerText(size, run);
  }
}

function align_(
  digits: string,
  prefix: string,
  layout: { fill: string; align: string; width: number },
  run: Run,
): string {
  const text = prefix + digits;
  const room = layout.width - text.length;
  if (room <= 0) return text;
  run.make(layout.width);
  const { fill } = layout;
  switch (layout.align) {
    case "<":
      return text + fill.repeat(room);
    case "^":
      return fill.repeat(room >> 1) + text + fill.repeat(room - (room >> 1));
    case "=":
      return prefix + fill.repeat(room) + digits;
    default:
      return fill.repeat(room) + text;
  }
}
