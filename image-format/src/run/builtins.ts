// The builtin functions of the subset. Each pays for what it reads and makes; none reaches anything outside its arguments.

import { intOrLong } from "../source/number-literal.js";
import type { Stopped } from "../source/stopped.js";
import { Tuple } from "../value.js";
import { Given, type Signature } from "./arguments.js";
import { binary, toFloat, unary } from "./arithmetic.js";
import { compare, isTrue, numberOf } from "./compare.js";
import { fixedDigits } from "./exact-decimal.js";
import { formatted } from "./format.js";
import { sorted, update } from "./list-methods.js";
import type { Run } from "./run.js";
import { itemsOf, lengthOf } from "./sequence.js";
import { reprOf, strOf } from "./text.js";
import { type CallArguments, Callable, type Dict, Iteration, Long, type Thing } from "./thing.js";
import { typeName } from "./type-name.js";

const table = new Map<string, Callable>();

function define(
  signature: Signature,
  call: (given: Given, run: Run) => Thing,
  typeName = "builtin_function_or_method",
): void {
  const { name } = signature;
  table.set(name, new Callable(name, typeName, (args, run) => call(new Given(args, signature, run), run)));
}

function raw(
  name: string,
  call: (args: CallArguments, run: Run) => Thing,
  typeName = "builtin_function_or_method",
): void {
  table.set(name, new Callable(name, typeName, call));
}

/** The builtin function of that name, if the format has it. */
export function builtin(name: string): Callable | undefined {
  return table.get(name);
}

define({ name: "str", least: 0, most: 1, named: ["object"] }, (given, run) => toText(given.optional(0), run), "type");
define(
  { name: "unicode", least: 0, most: 3, named: ["string"] },
  (given, run) => toText(given.optional(0), run),
  "type",
);
define({ name: "repr", least: 1, most: 1 }, (given, run) => reprOf(given.thing(0), run));
define({ name: "bool", least: 0, most: 1, named: ["x"] }, (given) => isTrue(given.thing(0)), "type");
define({ name: "len", least: 1, most: 1 }, (given, run) => BigInt(lengthOf(given.thing(0), run)));
define({ name: "abs", least: 1, most: 1 }, (given, run) => {
  const value = numberOf(given.thing(0));
  if (value === undefined)
    throw run.fail("TypeError", `bad operand type for abs(): '${typeName(given.thing(0))}'`, "Give a number.");
  if (typeof value === "number") return Math.abs(value);
  return unary(value < 0n ? "-" : "+", given.thing(0), run);
});
define({ name: "int", least: 0, most: 2, named: ["x", "base"] }, (given, run) => toInteger(given, run, false), "type");
define({ name: "long", least: 0, most: 2, named: ["x", "base"] }, (given, run) => toInteger(given, run, true), "type");
define(
  { name: "float", least: 0, most: 1, named: ["x"] },
  (given, run) => toFloatValue(given.optional(0), run),
  "type",
);
define(
  { name: "list", least: 0, most: 1, named: ["sequence"] },
  (given, run) => copyOf(given.optional(0), run),
  "type",
);
define(
  { name: "tuple", least: 0, most: 1, named: ["sequence"] },
  (given, run) => new Tuple(copyOf(given.optional(0), run)),
  "type",
);
raw(
  "dict",
  (args, run) => {
    const dict: Dict = new Map();
    update(dict, args, run);
    return dict;
  },
  "type",
);
define({ name: "range", least: 1, most: 3 }, (given, run) => range(given, run));
define({ name: "xrange", least: 1, most: 3 }, (given, run) => new Iteration("xrange", range(given, run)), "type");
define({ name: "sorted", least: 1, most: 4, named: ["iterable", "cmp", "key", "reverse"] }, (given, run) =>
  sorted(
    itemsOf(given.thing(0), run),
    { cmp: given.optional(1), key: given.optional(2), reverse: given.optional(3) },
    run,
  ),
);
define(
  { name: "reversed", least: 1, most: 1 },
  (given, run) => new Iteration("listreverseiterator", copyOf(given.thing(0), run).reverse()),
  "type",
);
define(
  { name: "enumerate", least: 1, most: 2, named: ["sequence", "start"] },
  (given, run) => {
    const start = given.optionalInteger(1) ?? 0n;
    const items = copyOf(given.thing(0), run);
    run.make(32 * items.length);
    return new Iteration(
      "enumerate",
      items.map((item, index) => new Tuple<Thing>([start + BigInt(index), item])),
    );
  },
  "type",
);
raw("zip", (args, run) => zip(args, run));
raw("min", (args, run) => extreme("min", args, run));
raw("max", (args, run) => extreme("max", args, run));
define({ name: "sum", least: 1, most: 2 }, (given, run) => sum(given, run));
define({ name: "any", least: 1, most: 1 }, (given, run) => itemsOf(given.thing(0), run).some(paidTruth(run)));
define({ name: "all", least: 1, most: 1 }, (given, run) => itemsOf(given.thing(0), run).every(paidTruth(run)));
define({ name: "cmp", least: 2, most: 2 }, (given, run) => BigInt(compare(given.thing(0), given.thing(1), run)));
define({ name: "divmod", least: 2, most: 2 }, (given, run) => {
  const [a, b] = [given.thing(0), given.thing(1)];
  if (numberOf(a) === undefined || numberOf(b) === undefined)
    throw run.fail("TypeError", "divmod() wants numbers", "Give numbers.");
  return new Tuple([binary("//", a, b, run), binary("%", a, b, run)]);
});
define({ name: "pow", least: 2, most: 2 }, (given, run) => binary("**", given.thing(0), given.thing(1), run));
define({ name: "round", least: 1, most: 2, named: ["number", "ndigits"] }, (given, run) => round(given, run));
define({ name: "hex", least: 1, most: 1 }, (given, run) => inBase(given, run, 16, "0x"));
define({ name: "oct", least: 1, most: 1 }, (given, run) => inBase(given, run, 8, "0"));
define({ name: "bin", least: 1, most: 1 }, (given, run) => inBase(given, run, 2, "0b"));
define({ name: "chr", least: 1, most: 1 }, (given, run) => {
  const code = given.integer(0);
  if (code < 0n || code > 255n) throw run.fail("ValueError", "chr() arg not in range(256)", "Give a number below 256.");
  return String.fromCharCode(Number(code));
});
define({ name: "unichr", least: 1, most: 1 }, (given, run) => {
  const code = given.integer(0);
  if (code < 0n || code > 0x10ffffn) throw run.fail("ValueError", "unichr() arg not in range(0x110000)");
  return String.fromCodePoint(Number(code));
});
define({ name: "ord", least: 1, most: 1 }, (given, run) => {
  const characters = [...given.text(0).slice(0, 3)];
  if (characters.length !== 1) throw run.fail("TypeError", "ord() expected a character", "Give one character.");
  return BigInt(characters[0]?.codePointAt(0) ?? 0);
});
define({ name: "format", least: 1, most: 2 }, (given, run) =>
  formatted(given.thing(0), given.optional(1) === undefined ? "" : given.text(1), run),
);

function toText(value: Thing | undefined, run: Run): string {
  return value === undefined ? "" : strOf(value, run);
}

function copyOf(value: Thing | undefined, run: Run): Thing[] {
  if (value === undefined) return [];
  const items = itemsOf(value, run);
  run.make(16 * items.length);
  return [...items];
}

function paidTruth(run: Run): (item: Thing) => boolean {
  return (item) => {
    run.spend(4);
    return isTrue(item);
  };
}

function toInteger(given: Given, run: Run, long: boolean): Thing {
  const value = given.optional(0) ?? (given.optional(0) === undefined ? 0n : null);
  const made =
    typeof value === "string"
      ? integerOfText(long ? value.replace(/[lL](?=[ \t\n\r\v\f]*$)/, "") : value, given.optionalInteger(1), run)
      : truncated(value, given, run);
  return long || (value instanceof Long && typeof value !== "string" && given.optional(1) === undefined && isWide(made))
    ? new Long(made)
    : intOrLong(made);
}

function isWide(value: bigint): boolean {
  return BigInt.asIntN(64, value) !== value;
}

function truncated(value: Thing, given: Given, run: Run): bigint {
  if (given.optional(1) !== undefined) throw run.fail("TypeError", "int() can't convert non-string with explicit base");
  const number = numberOf(value);
  if (number === undefined) {
    const message = `int() argument must be a string or a number, not '${typeName(value)}'`;
    throw run.fail("TypeError", message, "Give text or a number.");
  }
  if (typeof number === "bigint") return number;
  if (!Number.isFinite(number)) throw run.fail("OverflowError", "cannot convert float infinity or NaN to integer");
  return BigInt(Math.trunc(number));
}

const digitsOfBase = "0123456789abcdefghijklmnopqrstuvwxyz";

function integerOfText(text: string, base: bigint | undefined, run: Run): bigint {
  run.spend(text.length);
  if (text.length > 5000) throw run.limit("A number has too many digits");
  const bad = (): Stopped =>
    run.fail(
      "ValueError",
      `invalid literal for int() with base ${base ?? 10}: ${reprOf(text.slice(0, 80))}`,
      "Give digits.",
    );
  const match = /^[ \t\n\r\v\f]*([-+]?)[ \t\n\r\v\f]*(0[xX]|0[oO]|0[bB])?([0-9a-zA-Z]+)[lL]?[ \t\n\r\v\f]*$/.exec(text);
  let [, sign, prefix = "", digits = ""] = match ?? [];
  if (match === null) throw bad();
  let radix = Number(base ?? 10n);
  if (radix !== 0 && (radix < 2 || radix > 36)) throw run.fail("ValueError", "int() base must be >= 2 and <= 36");
  const implied = { x: 16, o: 8, b: 2 }[prefix.charAt(1).toLowerCase()] ?? 0;
  if (radix === 0) radix = implied !== 0 ? implied : digits.startsWith("0") && digits.length > 1 ? 8 : 10;
  else if (prefix !== "" && implied !== radix) digits = prefix + digits;
  // Reading digits takes more than linear time.
  run.spend(digits.length ** 2 / 4);
  let value = 0n;
  if (radix === 10 && /^[0-9]+$/.test(digits)) value = BigInt(digits);
  else
    for (const digit of digits.toLowerCase()) {
      const place = digitsOfBase.indexOf(digit);
      if (place >= radix) throw bad();
      value = value * BigInt(radix) + BigInt(place);
    }
  return sign === "-" ? -value : value;
}

function toFloatValue(value: Thing | undefined, run: Run): number {
  if (value === undefined) return 0;
  if (typeof value !== "string") {
    const number = numberOf(value);
    if (number === undefined) {
      throw run.fail("TypeError", "float() argument must be a string or a number", "Give text or a number.");
    }
    return toFloat(number, run);
  }
  run.spend(value.length);
  const text = value.replace(/^[ \t\n\r\v\f]+/, "").replace(/[ \t\n\r\v\f]+$/, "");
  if (/^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/.test(text) && !text.endsWith("\n")) return Number(text);
  const special = /^([-+]?)(inf|infinity|nan)$/i.exec(text);
  if (special === null) {
    throw run.fail("ValueError", `could not convert string to float: ${text.slice(0, 80)}`, "Give digits and a point.");
  }
  if (special[2]?.toLowerCase() === "nan") return Number.NaN;
  return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

function range(given: Given, run: Run): bigint[] {
  const first = given.integer(0);
  const [start, stop] = given.optional(1) === undefined ? [0n, first] : [first, given.integer(1)];
  const step = given.optionalInteger(2) ?? 1n;
  if (step === 0n) throw run.fail("ValueError", "range() step argument must not be zero", "Give another step.");
  const span = step > 0n ? stop - start : start - stop;
  const size = step > 0n ? step : -step;
  const count = span <= 0n ? 0n : (span + size - 1n) / size;
  if (count > 1_000_000n) throw run.limit("A range has more than a million elements");
  run.make(16 * Number(count));
  return Array.from({ length: Number(count) }, (_, index) => start + BigInt(index) * step);
}

function zip(args: CallArguments, run: Run): Thing {
  if (args.keywords.size > 0) throw run.fail("TypeError", "zip() takes no keyword arguments");
  const lists = args.positional.map((list) => itemsOf(list, run));
  const length = lists.length === 0 ? 0 : Math.min(...lists.map((list) => list.length));
  run.make(16 * length * (lists.length + 1));
  return Array.from({ length }, (_, index) => new Tuple<Thing>(lists.map((list) => list[index] ?? null)));
}

function extreme(name: "min" | "max", args: CallArguments, run: Run): Thing {
  const key = args.keywords.get("key") ?? null;
  if ([...args.keywords.keys()].some((keyword) => keyword !== "key")) {
    throw run.fail("TypeError", `${name}() got an unexpected keyword argument`);
  }
  if (key !== null && !(key instanceof Callable))
    throw run.fail("TypeError", "the key is not a function", "Write key=len.");
  const [first, ...more] = args.positional;
  if (first === undefined) throw run.fail("TypeError", `${name} expected 1 arguments, got 0`, "Give values.");
  const items = more.length === 0 ? itemsOf(first, run) : args.positional;
  const rankOf = (item: Thing): Thing => {
    if (key === null) return item;
    run.step(run.at);
    return key.call({ positional: [item], keywords: new Map() }, run);
  };
  let best: { item: Thing; rank: Thing } | undefined;
  for (const item of items) {
    run.spend(16);
    const rank = rankOf(item);
    const order = best === undefined ? 1 : compare(rank, best.rank, run);
    if (best === undefined || (name === "max" ? order > 0 : order < 0)) best = { item, rank };
  }
  if (best === undefined) throw run.fail("ValueError", `${name}() arg is an empty sequence`, "Test the list first.");
  return best.item;
}

function sum(given: Given, run: Run): Thing {
  let total: Thing = given.optional(1) === undefined ? 0n : given.thing(1);
  if (typeof total === "string") throw run.fail("TypeError", "sum() can't sum strings", "Write ''.join(xs).");
  for (const item of itemsOf(given.thing(0), run)) {
    run.spend(16);
    total = binary("+", total, item, run);
  }
  return total;
}

function round(given: Given, run: Run): number {
  const number = numberOf(given.thing(0));
  if (number === undefined) throw run.fail("TypeError", "a float is required", "Give a number.");
  const value = toFloat(number, run);
  const places = Number(given.optionalInteger(1) ?? 0n);
  if (!Number.isFinite(value) || places > 300) return value;
  if (places < -308) return 0 * value;
  run.spend(2000);
  const size =
    places >= 0
      ? halfAwayFromZero(Math.abs(value), places)
      : Math.round(Math.abs(value) / 10 ** -places) * 10 ** -places;
  return value < 0 || Object.is(value, -0) ? -size : size;
}

/** Python 2 rounds halves away from zero, where the float is exactly a half. */
function halfAwayFromZero(value: number, places: number): number {
  const exact = fixedDigits(value, Math.max(1080, places));
  const point = exact.indexOf(".");
  const kept = BigInt(exact.slice(0, point) + exact.slice(point + 1, point + 1 + places));
  const up = (exact.charAt(point + 1 + places) || "0") >= "5" ? 1n : 0n;
  return Number(`${kept + up}e${-places}`);
}

function inBase(given: Given, run: Run, base: number, prefix: string): string {
  const value = given.integer(0);
  const size = value < 0n ? -value : value;
  run.make(size.toString(16).length * 4);
  const long = given.thing(0) instanceof Long && base !== 2 ? "L" : "";
  const digits = base === 8 && size === 0n && long === "" ? "" : size.toString(base);
  return `${value < 0n ? "-" : ""}${prefix}${digits}${long}`;
}
