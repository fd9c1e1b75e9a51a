// Values as JSON: ints of any size exactly, floats so that they read back as the same float, dicts as objects.

import { type DictKey, Tuple, type Value } from "./value.js";

/** What `toJsonText` can write: values of options, and the plain objects around them. */
export type Jsonable =
  | Value
  | undefined
  | readonly Jsonable[]
  | ReadonlyMap<DictKey, Jsonable>
  | { readonly [key: string]: Jsonable };

/** JSON text of a value. A float keeps a point or an exponent (`3.0`), so that a reader can tell it from an int. */
export function toJsonText(value: Jsonable, indent = 0): string {
  return write(value, indent === 0 ? "" : " ".repeat(indent), "");
}

function write(value: Jsonable, indent: string, margin: string): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "string" || typeof value === "boolean") return JSON.stringify(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return floatText(value);
  const inner = margin + indent;
  if (value instanceof Tuple)
    return block(
      "[]",
      value.items.map((item) => write(item, indent, inner)),
      indent,
      margin,
    );
  if (Array.isArray(value))
    return block(
      "[]",
      value.map((item: Jsonable) => write(item, indent, inner)),
      indent,
      margin,
    );
  const pairs = value instanceof Map ? [...value] : Object.entries(value);
  const separator = indent === "" ? ":" : ": ";
  const texts = pairs
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => JSON.stringify(keyText(key)) + separator + write(item, indent, inner));
  return block("{}", texts, indent, margin);
}

function block(brackets: string, texts: string[], indent: string, margin: string): string {
  if (texts.length === 0) return brackets;
  if (indent === "") return brackets.charAt(0) + texts.join(",") + brackets.charAt(1);
  const newline = `\n${margin}`;
  return brackets.charAt(0) + newline + indent + texts.join(`,${newline}${indent}`) + newline + brackets.charAt(1);
}

/** JSON has no infinity and no nan; evaluation refuses both. */
function floatText(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`JSON has no number for ${value}`);
  if (Object.is(value, -0)) return "-0.0";
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : String(value);
}

/** A dict's key as the name of a JSON member, as Python's json module writes it. */
function keyText(key: DictKey): string {
  if (key === null) return "null";
  return typeof key === "number" ? floatText(key) : String(key);
}

/** A value from parsed JSON: whole numbers are ints, others floats. Throws `TypeError` on what JSON cannot hold. */
export function fromJson(json: unknown): Value {
  if (json === null || typeof json === "string" || typeof json === "boolean" || typeof json === "bigint") return json;
  if (typeof json === "number") {
    if (!Number.isFinite(json)) throw new TypeError(`${json} is not a number of JSON`);
    return Number.isSafeInteger(json) && !Object.is(json, -0) ? BigInt(json) : json;
  }
  if (Array.isArray(json)) return json.map(fromJson);
  if (typeof json === "object") return new Map(Object.entries(json).map(([key, value]) => [key, fromJson(value)]));
  throw new TypeError(`A ${typeof json} is not a value of JSON`);
}
