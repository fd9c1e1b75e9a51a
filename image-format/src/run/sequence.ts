// Indexing, slicing and looping over text, lists and tuples. Text is counted in code points.

import { Tuple } from "../value.js";
import { isEqual, keyIn, numberOf } from "./compare.js";
import type { Run } from "./run.js";
import { Instance, Iteration, type Thing } from "./thing.js";
import { typeName } from "./type-name.js";

const surrogates = /[\ud800-\udfff]/;

/** Pays for taking a text apart into its characters, which is dear where some are beyond the first plane. */
export function spendCharacters(text: string, run: Run): void {
  run.spend(surrogates.test(text) ? 48 * text.length : text.length);
}

/** How many characters a text has, whatever plane they are on. */
export function lengthOfText(text: string): number {
  return surrogates.test(text) ? [...text].length : text.length;
}

/** The characters of a text, as something that can be indexed. */
export function charactersOf(text: string): string | string[] {
  return surrogates.test(text) ? [...text] : text;
}

/** What a `for` goes over. */
export function itemsOf(thing: Thing, run: Run): readonly Thing[] {
  if (Array.isArray(thing)) return thing;
  if (thing instanceof Tuple || thing instanceof Iteration) return thing.items;
  if (thing instanceof Map) {
    run.make(16 * thing.size);
    return [...thing.keys()];
  }
  if (typeof thing === "string") {
    run.make(16 * thing.length);
    return [...thing];
  }
  throw run.fail("TypeError", `'${typeName(thing)}' object is not iterable`, "Loop over a list, a tuple or range(n).");
}

export function lengthOf(thing: Thing, run: Run): number {
  if (typeof thing === "string") {
    spendCharacters(thing, run);
    return lengthOfText(thing);
  }
  if (Array.isArray(thing)) return thing.length;
  if (thing instanceof Map) return thing.size;
  if (thing instanceof Tuple || (thing instanceof Iteration && thing.typeName === "xrange")) return thing.items.length;
  throw run.fail(
    "TypeError",
    `object of type '${typeName(thing)}' has no len()`,
    "Give text, a list, a tuple or a dict.",
  );
}

/** An index within `length`, counted from the end when negative. */
export function indexWithin(index: Thing, length: number, what: string, run: Run): number {
  const number = numberOf(index);
  if (typeof number !== "bigint") {
    throw run.fail("TypeError", `${what} indices must be integers, not ${typeName(index)}`, "Give an int.");
  }
  const at = number < 0n ? number + BigInt(length) : number;
  if (at < 0n || at >= BigInt(length))
    throw run.fail("IndexError", `${what} index out of range`, `It has ${length} elements.`);
  return Number(at);
}

export function element(owner: Thing, index: Thing, run: Run): Thing {
  if (owner instanceof Map) {
    const value = owner.get(keyIn(owner, index, run));
    if (value === undefined) throw run.fail("KeyError", String(index), "Name a key of the dict, or write get().");
    return value;
  }
  if (typeof owner === "string") {
    spendCharacters(owner, run);
    const characters = charactersOf(owner);
    return characters[indexWithin(index, characters.length, "string", run)] ?? "";
  }
  if (Array.isArray(owner)) return owner[indexWithin(index, owner.length, "list", run)] ?? null;
  if (owner instanceof Tuple || (owner instanceof Iteration && owner.typeName === "xrange")) {
    return owner.items[indexWithin(index, owner.items.length, typeName(owner), run)] ?? null;
  }
  throw run.fail("TypeError", `'${typeName(owner)}' object has no elements`, "Index text, a list, a tuple or a dict.");
}

export interface Slice {
  lower: Thing;
  upper: Thing;
  step: Thing;
}

/** The indices that a slice selects, as `range(start, stop, step)`. */
export function sliceRange(slice: Slice, length: number, run: Run): { start: number; stop: number; step: number } {
  const step = Number(bound(slice.step, run) ?? 1n);
  if (step === 0) throw run.fail("ValueError", "slice step cannot be zero", "Give another step.");
  const least = step < 0 ? -1 : 0;
  const most = step < 0 ? length - 1 : length;
  const place = (given: bigint | undefined, otherwise: number): number => {
    if (given === undefined) return otherwise;
    const at = given < 0n ? given + BigInt(length) : given;
    return at < BigInt(least) ? least : at > BigInt(most) ? most : Number(at);
  };
  const start = place(bound(slice.lower, run), step < 0 ? most : least);
  const stop = place(bound(slice.upper, run), step < 0 ? least : most);
  return { start, stop, step: Math.max(Math.min(step, 2 ** 31), -(2 ** 31)) };
}

function bound(value: Thing, run: Run): bigint | undefined {
  if (value === null) return undefined;
  const number = numberOf(value);
  if (typeof number === "bigint") return number;
  throw run.fail("TypeError", "slice indices must be integers or None", "Give ints.");
}

/** `owner[lower:upper:step]`. */
export function sliced(owner: Thing, slice: Slice, run: Run): Thing {
  if (typeof owner === "string") {
    run.make(owner.length);
    spendCharacters(owner, run);
    const characters = charactersOf(owner);
    const { start, stop, step } = sliceRange(slice, characters.length, run);
    if (typeof characters === "string" && step === 1) return characters.slice(start, Math.max(start, stop));
    run.spend(16 * characters.length);
    return pick(characters, start, stop, step).join("");
  }
  const items = Array.isArray(owner) ? owner : owner instanceof Tuple ? owner.items : undefined;
  if (items === undefined) {
    throw run.fail("TypeError", `'${typeName(owner)}' object cannot be sliced`, "Slice text, a list or a tuple.");
  }
  const { start, stop, step } = sliceRange(slice, items.length, run);
  run.make(16 * items.length);
  const picked = step === 1 ? items.slice(start, Math.max(start, stop)) : pick(items, start, stop, step);
  return Array.isArray(owner) ? picked : new Tuple(picked);
}

function pick<Item>(from: ArrayLike<Item>, start: number, stop: number, step: number): Item[] {
  const out: Item[] = [];
  for (let at = start; step > 0 ? at < stop : at > stop; at += step) out.push(from[at] as Item);
  return out;
}

/** Pays for looking for a part in a text. The engine's search takes the product of both lengths at worst. */
export function spendSearch(text: string, part: string, run: Run): void {
  run.spend(text.length * (1 + part.length / 4));
}

/** `item in owner`. */
export function contains(owner: Thing, item: Thing, run: Run): boolean {
  if (typeof owner === "string") {
    if (typeof item !== "string") {
      throw run.fail(
        "TypeError",
        `'in <string>' requires string as left operand, not ${typeName(item)}`,
        "Write str(x) in y.",
      );
    }
    spendSearch(owner, item, run);
    return owner.includes(item);
  }
  if (owner instanceof Map) return owner.has(keyIn(owner, item, run));
  // os.environ, of which every variable is absent.
  if (owner instanceof Instance && owner.attributes.has("has_key")) return false;
  for (const other of itemsOf(owner, run)) {
    run.spend(16);
    if (other === item || isEqual(other, item, run)) return true;
  }
  return false;
}
