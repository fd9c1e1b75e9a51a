import { refuse } from "../source/refused.js";
import { Tuple } from "../value.js";
import { Given, type Signature } from "./arguments.js";
import { grow } from "./arithmetic.js";
import { compare, isEqual, isTrue, keyIn } from "./compare.js";
import type { Run } from "./run.js";
import { indexWithin, itemsOf, sliceRange } from "./sequence.js";
import { reprOf } from "./text.js";
import { type CallArguments, Callable, type Dict, Iteration, type Thing } from "./thing.js";

type Method<Owner> = (owner: Owner, given: Given, run: Run) => Thing;
interface Entry<Owner> {
  signature: Signature;
  method: Method<Owner>;
}

const listMethods = new Map<string, Entry<Thing[]>>();
const tupleMethods = new Map<string, Entry<readonly Thing[]>>();
const dictMethods = new Map<string, Entry<Dict>>();

function bound<Owner>(
  entry: Entry<Owner> | undefined,
  owner: Owner,
): ((args: CallArguments, run: Run) => Thing) | undefined {
  if (entry === undefined) return undefined;
  return (args, run) => entry.method(owner, new Given(args, entry.signature, run), run);
}

export function listMethod(list: Thing[], name: string): ((args: CallArguments, run: Run) => Thing) | undefined {
  return bound(listMethods.get(name), list);
}

export function tupleMethod(tuple: Tuple<Thing>, name: string): ((args: CallArguments, run: Run) => Thing) | undefined {
  return bound(tupleMethods.get(name), tuple.items);
}

export function dictMethod(dict: Dict, name: string): ((args: CallArguments, run: Run) => Thing) | undefined {
  if (name === "update") return (args, run) => update(dict, args, run);
  return bound(dictMethods.get(name), dict);
}

function onList(name: string, least: number, most: number, method: Method<Thing[]>, named?: readonly string[]): void {
  listMethods.set(name, {
    signature: named === undefined ? { name, least, most } : { name, least, most, named },
    method,
  });
}

function onDict(name: string, least: number, most: number, method: Method<Dict>): void {
  dictMethods.set(name, { signature: { name, least, most }, method });
}

onList("append", 1, 1, (list, given, run) => {
  run.make(16);
  list.push(given.thing(0));
  return null;
});
onList("extend", 1, 1, (list, given, run) => {
  const added = itemsOf(given.thing(0), run);
  run.make(16 * added.length);
  grow(list, added, run);
  return null;
});
onList("insert", 2, 2, (list, given, run) => {
  const at = given.integer(0);
  const { start } = sliceRange({ lower: at, upper: null, step: null }, list.length, run);
  run.spend(list.length);
  list.splice(start, 0, given.thing(1));
  return null;
});
onList("pop", 0, 1, (list, given, run) => {
  if (list.length === 0) throw run.fail("IndexError", "pop from empty list", "Test the list first.");
  const index = given.optional(0) === undefined ? -1n : given.integer(0);
  run.spend(list.length);
  return list.splice(indexWithin(index, list.length, "pop", run), 1)[0] ?? null;
});
onList("remove", 1, 1, (list, given, run) => {
  const at = indexOf(list, given.thing(0), run, 0, list.length);
  if (at < 0) throw run.fail("ValueError", "list.remove(x): x not in list", "Test x in list first.");
  list.splice(at, 1);
  return null;
});
onList("reverse", 0, 0, (list, _given, run) => {
  run.spend(4 * list.length);
  list.reverse();
  return null;
});
onList(
  "sort",
  0,
  3,
  (list, given, run) => {
    const items = sorted(list, { cmp: given.optional(0), key: given.optional(1), reverse: given.optional(2) }, run);
    list.length = 0;
    grow(list, items, run);
    return null;
  },
  ["cmp", "key", "reverse"],
);

function indexOf(list: readonly Thing[], item: Thing, run: Run, from: number, to: number): number {
  for (let at = from; at < to; at += 1) {
    run.spend(16);
    const other = list[at] ?? null;
    if (other === item || isEqual(other, item, run)) return at;
  }
  return -1;
}

function index(list: readonly Thing[], given: Given, run: Run): Thing {
  const slice = { lower: given.thing(1), upper: given.thing(2), step: null };
  const { start, stop } = sliceRange(slice, list.length, run);
  const at = indexOf(list, given.thing(0), run, start, stop);
  if (at < 0) throw run.fail("ValueError", "the value is not in the list", "Test x in list first.");
  return BigInt(at);
}

function count(list: readonly Thing[], given: Given, run: Run): Thing {
  const item = given.thing(0);
  let found = 0n;
  for (const other of list) {
    run.spend(16);
    if (other === item || isEqual(other, item, run)) found += 1n;
  }
  return found;
}

onList("index", 1, 3, index);
onList("count", 1, 1, count);
tupleMethods.set("index", { signature: { name: "index", least: 1, most: 3 }, method: index });
tupleMethods.set("count", { signature: { name: "count", least: 1, most: 1 }, method: count });

/** A sorted copy, stable also when reversed; `key` is one of our own functions. */
export function sorted(
  items: readonly Thing[],
  by: { cmp: Thing | undefined; key: Thing | undefined; reverse: Thing | undefined },
  run: Run,
): Thing[] {
  if (by.cmp !== undefined && by.cmp !== null)
    throw refuse(run.at, "Sorting by cmp", "Sort by key, or without either.");
  const key = by.key ?? null;
  if (key !== null && !(key instanceof Callable))
    throw run.fail("TypeError", "the key of a sort is not a function", "Write key=len.");
  run.make(32 * items.length);
  run.spend(64 * items.length);
  const pairs = items.map((item) => {
    if (key === null) return { item, rank: item };
    run.step(run.at);
    return { item, rank: key.call({ positional: [item], keywords: new Map() }, run) };
  });
  const reverse = by.reverse !== undefined && isTrue(by.reverse);
  pairs.sort((left, right) => (reverse ? compare(right.rank, left.rank, run) : compare(left.rank, right.rank, run)));
  return pairs.map(({ item }) => item);
}

onDict("get", 1, 2, (dict, given, run) => {
  const held = dict.get(keyIn(dict, given.thing(0), run));
  return held === undefined ? given.thing(1) : held;
});
onDict("has_key", 1, 1, (dict, given, run) => dict.has(keyIn(dict, given.thing(0), run)));
onDict("setdefault", 1, 2, (dict, given, run) => {
  const key = keyIn(dict, given.thing(0), run);
  const held = dict.get(key);
  if (held !== undefined) return held;
  run.make(32);
  dict.set(key, given.thing(1));
  return given.thing(1);
});
onDict("pop", 1, 2, (dict, given, run) => {
  const key = keyIn(dict, given.thing(0), run);
  const held = dict.get(key);
  const value = held === undefined ? given.optional(1) : held;
  if (value === undefined) throw run.fail("KeyError", reprOf(key), "Test x in dict first.");
  dict.delete(key);
  return value;
});
onDict("clear", 0, 0, (dict) => {
  dict.clear();
  return null;
});
onDict("copy", 0, 0, (dict, _given, run) => {
  run.make(32 * dict.size);
  return new Map(dict);
});
onDict("keys", 0, 0, (dict, _given, run) => keysOf(dict, run));
onDict("values", 0, 0, (dict, _given, run) => valuesOf(dict, run));
onDict("items", 0, 0, (dict, _given, run) => pairsOf(dict, run));
onDict("iterkeys", 0, 0, (dict, _given, run) => new Iteration("dictionary-keyiterator", keysOf(dict, run)));
onDict("itervalues", 0, 0, (dict, _given, run) => new Iteration("dictionary-valueiterator", valuesOf(dict, run)));
onDict("iteritems", 0, 0, (dict, _given, run) => new Iteration("dictionary-itemiterator", pairsOf(dict, run)));
function keysOf(dict: Dict, run: Run): Thing[] {
  run.make(16 * dict.size);
  return [...dict.keys()];
}

function valuesOf(dict: Dict, run: Run): Thing[] {
  run.make(16 * dict.size);
  return [...dict.values()];
}

function pairsOf(dict: Dict, run: Run): Thing[] {
  run.make(48 * dict.size);
  return [...dict].map(([key, value]) => new Tuple<Thing>([key, value]));
}

/** `update(other, name=value)`, and `dict(other, name=value)` on an empty one. */
export function update(dict: Dict, args: CallArguments, run: Run): null {
  const other = new Given({ ...args, keywords: new Map() }, { name: "update", least: 0, most: 1 }, run).optional(0);
  if (other !== undefined) merge(dict, other, run);
  run.make(32 * args.keywords.size);
  for (const [key, value] of args.keywords) dict.set(key, value);
  return null;
}

/** Puts the pairs of a dict, or of a list of pairs, into a dict. */
export function merge(dict: Dict, other: Thing, run: Run): void {
  const pairs = other instanceof Map ? pairsOf(other, run) : itemsOf(other, run);
  for (const pair of pairs) {
    const [key, value, ...more] = itemsOf(pair, run);
    if (key === undefined || value === undefined || more.length > 0) {
      throw run.fail("ValueError", "a dict is made of pairs", "Give pairs (key, value).");
    }
    run.make(32);
    dict.set(keyIn(dict, key, run), value);
  }
}
