// Equality, order, truth and identity as Python 2 has them: values of different types have an order too.

import { maxNesting } from "../source/limits.js";
import { Stopped } from "../source/stopped.js";
import { type DictKey, Tuple } from "../value.js";
import type { Run } from "./run.js";
import { type Dict, Iteration, Long, type Thing } from "./thing.js";
import { typeName } from "./type-name.js";

export function isTrue(thing: Thing): boolean {
  if (thing === null) return false;
  if (typeof thing === "boolean") return thing;
  if (typeof thing === "string") return thing !== "";
  if (typeof thing === "bigint") return thing !== 0n;
  if (typeof thing === "number") return thing !== 0;
  if (Array.isArray(thing)) return thing.length > 0;
  if (thing instanceof Map) return thing.size > 0;
  if (thing instanceof Tuple) return thing.items.length > 0;
  if (thing instanceof Long) return thing.value !== 0n;
  if (thing instanceof Iteration && thing.typeName === "xrange") return thing.items.length > 0;
  return true;
}

/** The number that a bool, int, long or float is; undefined for all else. */
export function numberOf(thing: Thing): bigint | number | undefined {
  if (typeof thing === "bigint" || typeof thing === "number") return thing;
  if (typeof thing === "boolean") return thing ? 1n : 0n;
  return thing instanceof Long ? thing.value : undefined;
}

/** Python's `is`. Two equal texts or small numbers are one object here, as they mostly are there. */
export function isSame(left: Thing, right: Thing): boolean {
  return left === right;
}

/** The key under which a dict holds an equal key (`1`, `1.0` and `True` are one key), or the key itself if it holds none. */
export function keyIn(dict: Dict, key: Thing, run: Run): DictKey {
  if (typeof key === "string" || key === null) return key;
  const number = numberOf(key);
  if (number === undefined) throw unusableKey(key, run);
  const whole = typeof number === "number" && Number.isInteger(number) ? BigInt(number) : number;
  if (typeof whole === "number") return whole;
  if (dict.has(whole)) return whole;
  const float = Number(whole);
  if (BigInt(Number.isFinite(float) ? float : 0) === whole && dict.has(float)) return float;
  if (whole === 0n && dict.has(false)) return false;
  if (whole === 1n && dict.has(true)) return true;
  return key instanceof Long ? key.value : (key as DictKey);
}

function unusableKey(key: Thing, run: Run): Stopped {
  if (Array.isArray(key) || key instanceof Map) return run.fail("TypeError", `unhashable type: '${typeName(key)}'`);
  return new Stopped(
    "refused_construct",
    run.at,
    `A ${typeName(key)} as a dict's key is not part of the format.`,
    "Use text.",
  );
}

export function isEqual(left: Thing, right: Thing, run: Run): boolean {
  return equal(left, right, run, 0);
}

function equal(left: Thing, right: Thing, run: Run, depth: number): boolean {
  if (typeof left === "string" && typeof right === "string") {
    run.spend(Math.min(left.length, right.length) + 1);
    return left === right;
  }
  if (left === right) return !Number.isNaN(left);
  const a = numberOf(left);
  const b = numberOf(right);
  // biome-ignore lint/suspicious/noDoubleEquals: an int and a float are equal in Python when their values are.
  if (a !== undefined && b !== undefined) return a == b;
  if (Array.isArray(left) && Array.isArray(right)) return equalItems(left, right, run, depth);
  if (left instanceof Tuple && right instanceof Tuple) return equalItems(left.items, right.items, run, depth);
  if (left instanceof Map && right instanceof Map) return equalDicts(left, right, run, depth);
  return false;
}

function enter(run: Run, depth: number): number {
  run.spend(16);
  if (depth >= maxNesting) throw run.limit(`Compared values are nested deeper than ${maxNesting}`);
  return depth + 1;
}

function equalItems(left: readonly Thing[], right: readonly Thing[], run: Run, depth: number): boolean {
  const deeper = enter(run, depth);
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index += 1) {
    run.spend(16);
    const a = left[index] ?? null;
    const b = right[index] ?? null;
    if (a !== b && !equal(a, b, run, deeper)) return false;
  }
  return true;
}

function equalDicts(left: Dict, right: Dict, run: Run, depth: number): boolean {
  const deeper = enter(run, depth);
  if (left.size !== right.size) return false;
  for (const [key, value] of left) {
    run.spend(16);
    const found = keyIn(right, key, run);
    const other = right.get(found);
    if (other === undefined || (value !== other && !equal(value, other, run, deeper))) return false;
  }
  return true;
}

/** Less than, equal, greater: -1, 0, 1, in the order of Python 2, where None is least, then numbers, then by name of the type. */
export function compare(left: Thing, right: Thing, run: Run): number {
  return order(left, right, run, 0);
}

function order(left: Thing, right: Thing, run: Run, depth: number): number {
  run.spend(16);
  if (typeof left === "string" && typeof right === "string") {
    run.spend(Math.min(left.length, right.length));
    return compareText(left, right);
  }
  const a = numberOf(left);
  const b = numberOf(right);
  if (a !== undefined && b !== undefined) return a < b ? -1 : a > b ? 1 : 0;
  if (Array.isArray(left) && Array.isArray(right)) return compareItems(left, right, run, depth);
  if (left instanceof Tuple && right instanceof Tuple) return compareItems(left.items, right.items, run, depth);
  if (left instanceof Map && right instanceof Map) return compareDicts(left, right, run, depth);
  const leftRank = rank(left, run);
  const rightRank = rank(right, run);
  return leftRank < rightRank ? -1 : leftRank > rightRank ? 1 : 0;
}

/** By code point, not by UTF-16 unit. */
function compareText(left: string, right: string): number {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a === b) continue;
    const surrogates = a >= 0xd800 && b >= 0xd800;
    if (!surrogates) return a < b ? -1 : 1;
    return adjusted(a) < adjusted(b) ? -1 : 1;
  }
  return left.length < right.length ? -1 : 1;
}

function adjusted(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

function compareItems(left: readonly Thing[], right: readonly Thing[], run: Run, depth: number): number {
  const deeper = enter(run, depth);
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    run.spend(16);
    const a = left[index] ?? null;
    const b = right[index] ?? null;
    if (a !== b && !equal(a, b, run, deeper)) return order(a, b, run, deeper);
  }
  return Math.sign(left.length - right.length);
}

function compareDicts(left: Dict, right: Dict, run: Run, depth: number): number {
  if (left.size !== right.size) return Math.sign(left.size - right.size);
  if (equalDicts(left, right, run, depth)) return 0;
  throw new Stopped(
    "refused_construct",
    run.at,
    "An order of dicts is not part of the format.",
    "Compare their values.",
  );
}

/** None sorts before numbers, numbers before all else, and all else by the name of its type. */
function rank(thing: Thing, run: Run): string {
  if (thing === null) return "";
  if (numberOf(thing) !== undefined) return " ";
  if (typeof thing === "string" || Array.isArray(thing) || thing instanceof Map || thing instanceof Tuple)
    return typeName(thing);
  throw new Stopped(
    "refused_construct",
    run.at,
    `An order of ${typeName(thing)} is not part of the format.`,
    "Compare values.",
  );
}
