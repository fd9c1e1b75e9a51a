// The `re` module: search, match, sub, split, findall, escape and the flags.

import type { Matcher } from "re2js";
import { refuse } from "../source/refused.js";
import { Tuple } from "../value.js";
import { countOf, Given, type Signature } from "./arguments.js";
import { numberOf } from "./compare.js";
import { compilePattern, type Pattern } from "./pattern.js";
import type { Run } from "./run.js";
import { type CallArguments, Callable, type Dict, Instance, Module, type Thing } from "./thing.js";
import { typeName } from "./type-name.js";

interface Found {
  start: number;
  end: number;
  groups: (string | null)[];
  spans: (readonly [number, number])[];
}

const ignoreCase = 2n;
const multiLine = 8n;
const dotAll = 16n;

function callable(signature: Signature, call: (given: Given, run: Run) => Thing): [string, Callable] {
  const made = new Callable(signature.name, "function", (args, run) => call(new Given(args, signature, run), run));
  return [signature.name, made];
}

function patternOf(given: Given, flagsAt: number, run: Run): Pattern {
  const flags = given.optionalInteger(flagsAt) ?? 0n;
  if ((flags & ~(ignoreCase | multiLine | dotAll)) !== 0n)
    throw refuse(run.at, "This flag of re", "Use re.I, re.M or re.S.");
  const has = (flag: bigint) => (flags & flag) !== 0n;
  const wanted = { ignoreCase: has(ignoreCase), multiLine: has(multiLine), dotAll: has(dotAll) };
  return compilePattern(given.text(0), wanted, run);
}

/** Finds matches in one text, each from a given place on. */
class Search {
  readonly text: string;
  readonly #matcher: Matcher;
  readonly #pattern: Pattern;
  readonly #run: Run;

  constructor(pattern: Pattern, text: string, run: Run) {
    if (pattern.endAnchor && text.endsWith("\n")) {
      throw refuse(run.at, "$ on a text that ends with a line feed", "Write strip() for the text first, or \\Z.");
    }
    this.text = text;
    this.#pattern = pattern;
    this.#run = run;
    this.#matcher = pattern.expression.matcher(text);
  }

  from(start: number): Found | undefined {
    this.#run.spend(this.#pattern.cost * (this.text.length - start + 16));
    if (start > this.text.length || !this.#matcher.find(start)) return undefined;
    return this.#result();
  }

  atStart(): Found | undefined {
    this.#run.spend(this.#pattern.cost * (this.text.length + 16));
    return this.#matcher.lookingAt() ? this.#result() : undefined;
  }

  #result(): Found {
    const count = this.#matcher.groupCount();
    const groups = Array.from({ length: count + 1 }, (_, index) => this.#matcher.group(index));
    const spans = groups.map((_, index) => [this.#matcher.start(index), this.#matcher.end(index)] as const);
    return { start: this.#matcher.start(), end: this.#matcher.end(), groups, spans };
  }
}

function names(pattern: Pattern): Record<string, number> {
  return pattern.expression.namedGroups();
}

/** What `search` and `match` give: an object with group, groups, start, end, span. */
function matchObject(pattern: Pattern, found: Found | undefined): Thing {
  if (found === undefined) return null;
  const index = (key: Thing, run: Run): number => {
    const named = typeof key === "string" ? names(pattern)[key] : undefined;
    const number = named === undefined ? numberOf(key) : BigInt(named);
    if (typeof number === "bigint" && number >= 0n && number < BigInt(found.groups.length)) return Number(number);
    throw run.fail("IndexError", "no such group", "Count the brackets of the pattern.");
  };
  const group = (args: CallArguments, run: Run): Thing => {
    const all = args.positional.map((key) => found.groups[index(key, run)] ?? null);
    if (all.length === 0) return found.groups[0] ?? null;
    return all.length === 1 ? (all[0] ?? null) : new Tuple<Thing>(all);
  };
  const span = (name: string, value: (at: readonly [number, number]) => Thing): [string, Callable] =>
    callable({ name, least: 0, most: 1 }, (given, run) =>
      value(found.spans[index(given.optional(0) ?? 0n, run)] ?? [-1, -1]),
    );
  return new Instance(
    "SRE_Match",
    new Map<string, Thing>([
      ["group", new Callable("group", "builtin_function_or_method", group)],
      callable(
        { name: "groups", least: 0, most: 1, named: ["default"] },
        (given) => new Tuple<Thing>(found.groups.slice(1).map((text) => text ?? given.thing(0))),
      ),
      callable(
        { name: "groupdict", least: 0, most: 1, named: ["default"] },
        (given): Dict =>
          new Map(Object.entries(names(pattern)).map(([name, at]) => [name, found.groups[at] ?? given.thing(0)])),
      ),
      span("start", ([start]) => BigInt(start)),
      span("end", ([, end]) => BigInt(end)),
      span("span", ([start, end]) => new Tuple<Thing>([BigInt(start), BigInt(end)])),
    ]),
  );
}

/** All matches from left to right, as Python 2 steps: an empty match right after another is passed over. */
function* matches(search: Search, most: number, run: Run): Generator<Found> {
  let at = 0;
  let last = 0;
  for (let count = 0; count < most; ) {
    run.spend(64);
    const found = search.from(at);
    if (found === undefined) return;
    if (!(found.start === found.end && found.start === last && count > 0)) {
      yield found;
      last = found.end;
      count += 1;
    }
    at = found.end === found.start ? found.end + 1 : found.end;
  }
}

function substitute(given: Given, run: Run): string {
  const pattern = patternOf(given, 4, run);
  const replacement = given.thing(1);
  if (replacement instanceof Callable)
    throw refuse(run.at, "A function as replacement", "Write text with \\1 for groups.");
  if (typeof replacement !== "string")
    throw run.fail("TypeError", `expected text, not ${typeName(replacement)}`, "Give text.");
  const limit = countOf(given.optionalInteger(3), 0);
  const search = new Search(pattern, given.text(2), run);
  const out: string[] = [];
  let done = 0;
  for (const found of matches(search, limit > 0 ? limit : Number.POSITIVE_INFINITY, run)) {
    const text = expand(replacement, found, pattern, run);
    run.make(text.length + found.start - done);
    out.push(search.text.slice(done, found.start), text);
    done = found.end;
  }
  out.push(search.text.slice(done));
  run.make(out.reduce((sum, part) => sum + part.length, 0));
  return out.join("");
}

const templateEscapes: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};

function expand(template: string, found: Found, pattern: Pattern, run: Run): string {
  run.make(template.length);
  if (!template.includes("\\")) return template;
  return template.replace(/\\(?:g<([^>]*)>|([0-9]{1,3})|([\s\S]?))/g, (whole, name, digits, other) => {
    if (other !== undefined) {
      if (other === "") throw run.fail("error", "bogus escape (end of line)", "Write \\\\ for a backslash.");
      return templateEscapes[other] ?? whole;
    }
    if (digits?.startsWith("0") || digits?.length === 3)
      throw refuse(run.at, "An octal escape here", "Write the character.");
    const key: string = name ?? digits;
    const at = /^[0-9]+$/.test(key) ? Number(key) : names(pattern)[key];
    const text = at === undefined ? undefined : found.groups[at];
    if (text === undefined || at === undefined || at >= found.groups.length) {
      throw run.fail("error", `invalid group reference ${key}`, "Count the brackets of the pattern.");
    }
    if (text === null) throw run.fail("error", "unmatched group", "Give the group an empty alternative.");
    run.make(text.length);
    return text;
  });
}

function split(given: Given, run: Run): Thing[] {
  const search = new Search(patternOf(given, 3, run), given.text(1), run);
  const limit = countOf(given.optionalInteger(2), 0);
  const parts: Thing[] = [];
  let done = 0;
  let at = 0;
  let count = 0;
  while (limit <= 0 || count < limit) {
    run.make(64);
    const found = search.from(at);
    if (found === undefined) break;
    if (found.start === found.end) {
      if (found.end >= search.text.length) break;
      at = found.end + 1;
      continue;
    }
    parts.push(search.text.slice(done, found.start), ...found.groups.slice(1));
    done = found.end;
    at = done;
    count += 1;
  }
  parts.push(search.text.slice(done));
  return parts;
}

function findAll(given: Given, run: Run): Thing[] {
  const search = new Search(patternOf(given, 2, run), given.text(1), run);
  const out: Thing[] = [];
  for (let at = 0; ; ) {
    const found = search.from(at);
    if (found === undefined) return out;
    run.make(16 * found.groups.length + found.end - found.start);
    const texts = found.groups.map((text) => text ?? "");
    out.push(
      texts.length === 1 ? (texts[0] ?? "") : texts.length === 2 ? (texts[1] ?? "") : new Tuple<Thing>(texts.slice(1)),
    );
    at = found.end === found.start ? found.end + 1 : found.end;
  }
}

export const regularExpressions = new Module(
  "re",
  new Map<string, Thing>([
    callable({ name: "search", least: 2, most: 3, named: ["pattern", "string", "flags"] }, (given, run) => {
      const pattern = patternOf(given, 2, run);
      return matchObject(pattern, new Search(pattern, given.text(1), run).from(0));
    }),
    callable({ name: "match", least: 2, most: 3, named: ["pattern", "string", "flags"] }, (given, run) => {
      const pattern = patternOf(given, 2, run);
      return matchObject(pattern, new Search(pattern, given.text(1), run).atStart());
    }),
    callable({ name: "sub", least: 3, most: 5, named: ["pattern", "repl", "string", "count", "flags"] }, substitute),
    callable({ name: "split", least: 2, most: 4, named: ["pattern", "string", "maxsplit", "flags"] }, split),
    callable({ name: "findall", least: 2, most: 3, named: ["pattern", "string", "flags"] }, findAll),
    callable({ name: "escape", least: 1, most: 1, named: ["pattern"] }, (given, run) => {
      run.make(2 * given.text(0).length);
      return given.text(0).replace(/[^A-Za-z0-9]/g, (char) => (char === "\0" ? "\\000" : `\\${char}`));
    }),
    ["I", ignoreCase],
    ["IGNORECASE", ignoreCase],
    ["M", multiLine],
    ["MULTILINE", multiLine],
    ["S", dotAll],
    ["DOTALL", dotAll],
  ]),
);
