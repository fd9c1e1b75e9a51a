// Changes to the elements of lists and dicts, in place. Each throws what stops the run when the owner is neither, or has no such element.

import { grow } from "./arithmetic.js";
import { keyIn } from "./compare.js";
import type { Run } from "./run.js";
import { element, indexWithin, itemsOf, type Slice, sliceRange } from "./sequence.js";
import type { Thing } from "./thing.js";
import { typeName } from "./type-name.js";

export function setElement(owner: Thing, index: Thing, value: Thing, run: Run): void {
  if (Array.isArray(owner)) owner[indexWithin(index, owner.length, "list assignment", run)] = value;
  else if (owner instanceof Map) {
    run.make(32);
    owner.set(keyIn(owner, index, run), value);
  } else throw immutable(owner, "assignment", run);
}

export function deleteElement(owner: Thing, index: Thing, run: Run): void {
  if (Array.isArray(owner)) {
    run.spend(owner.length);
    owner.splice(indexWithin(index, owner.length, "list", run), 1);
  } else if (owner instanceof Map) {
    element(owner, index, run);
    owner.delete(keyIn(owner, index, run));
  } else throw immutable(owner, "deletion", run);
}

/** Sets a slice of a list, or deletes it when there is no value. */
export function replaceSlice(owner: Thing, slice: Slice, value: Thing | undefined, run: Run): void {
  if (!Array.isArray(owner)) throw immutable(owner, value === undefined ? "deletion" : "assignment", run);
  const { start, stop, step } = sliceRange(slice, owner.length, run);
  const added = value === undefined ? [] : [...itemsOf(value, run)];
  run.make(16 * (owner.length + added.length));
  if (step === 1) {
    const tail = owner.slice(Math.max(start, stop));
    owner.length = start;
    grow(owner, added, run);
    grow(owner, tail, run);
    return;
  }
  const places: number[] = [];
  for (let at = start; step > 0 ? at < stop : at > stop; at += step) places.push(at);
  if (value === undefined) {
    const gone = new Set(places);
    const kept = owner.filter((_, at) => !gone.has(at));
    owner.length = 0;
    grow(owner, kept, run);
    return;
  }
  if (places.length !== added.length) {
    const what = `attempt to assign sequence of size ${added.length} to extended slice of size ${places.length}`;
    throw run.fail("ValueError", what, "Give as many values as the slice has.");
  }
  places.forEach((at, index) => {
    owner[at] = added[index] ?? null;
  });
}

function immutable(owner: Thing, what: string, run: Run): Error {
  return run.fail("TypeError", `'${typeName(owner)}' object does not support item ${what}`, "Change a list or a dict.");
}
