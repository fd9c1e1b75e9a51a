import { refuse } from "../source/refused.js";
import { Tuple } from "../value.js";
import { countOf, Given, type Signature } from "./arguments.js";
import { formatText } from "./format.js";
import type { Run } from "./run.js";
import { charactersOf, itemsOf, lengthOfText, sliceRange, spendCharacters, spendSearch } from "./sequence.js";
import { splitLines, splitText } from "./split.js";
import type { CallArguments, Thing } from "./thing.js";
import { typeName } from "./type-name.js";

type Method = (text: string, given: Given, run: Run) => Thing;
interface Entry {
  signature: Signature;
  method: Method;
}

const methods = new Map<string, Entry>();
/** Methods that look at each word or letter for itself cost as much more for each character. */
const costPerCharacter: ReadonlyMap<string, number> = new Map([
  ["strip", 8],
  ["lstrip", 8],
  ["rstrip", 8],
  ["upper", 8],
  ["lower", 8],
  ["capitalize", 16],
  ["title", 96],
  ["swapcase", 96],
  ["istitle", 96],
  ["isspace", 32],
  ["expandtabs", 64],
  ["splitlines", 32],
]);

function define(name: string, least: number, most: number, method: Method, named?: readonly string[]): void {
  const signature = named === undefined ? { name, least, most } : { name, least, most, named };
  methods.set(name, { signature, method });
}

/** The method of text with that name, or undefined. */
export function textMethod(name: string): ((text: string, args: CallArguments, run: Run) => Thing) | undefined {
  if (name === "format") return formatText;
  const entry = methods.get(name);
  if (entry === undefined) return undefined;
  return (text, args, run) => {
    run.make(text.length);
    run.spend(text.length * (costPerCharacter.get(name) ?? 0));
    return entry.method(text, new Given(args, entry.signature, run), run);
  };
}

const spaces = " \t\n\r\v\f";

function stripped(text: string, given: Given, left: boolean, right: boolean): string {
  const set = given.optional(0) === undefined || given.optional(0) === null ? spaces : given.text(0);
  const strip = new Set(set);
  let from = 0;
  let to = text.length;
  while (left && from < to && strip.has(text.charAt(from))) from += 1;
  while (right && to > from && strip.has(text.charAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

define("strip", 0, 1, (text, given) => stripped(text, given, true, true));
define("lstrip", 0, 1, (text, given) => stripped(text, given, true, false));
define("rstrip", 0, 1, (text, given) => stripped(text, given, false, true));

const asciiOnly = /^\p{ASCII}*$/u;

// Python 2's str knows the case of ASCII letters alone.
function upper(text: string): string {
  return asciiOnly.test(text) ? text.toUpperCase() : text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}
function lower(text: string): string {
  return asciiOnly.test(text) ? text.toLowerCase() : text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

define("upper", 0, 0, upper);
define("lower", 0, 0, lower);
define("capitalize", 0, 0, (text) => upper(text.charAt(0)) + lower(text.slice(1)));
define("title", 0, 0, (text) => text.replace(/[A-Za-z]+/g, (run) => upper(run.charAt(0)) + lower(run.slice(1))));
define("swapcase", 0, 0, (text) =>
  text.replace(/[A-Za-z]/g, (letter) => (letter <= "Z" ? lower(letter) : upper(letter))),
);
define("isdigit", 0, 0, (text) => /^[0-9]+$/.test(text) && !text.endsWith("\n"));
define("isalpha", 0, 0, (text) => /^[A-Za-z]+$/.test(text) && !text.endsWith("\n"));
define("isalnum", 0, 0, (text) => /^[A-Za-z0-9]+$/.test(text) && !text.endsWith("\n"));
define("isspace", 0, 0, (text) => text !== "" && stripOnly(text));
define("isupper", 0, 0, (text) => /[A-Z]/.test(text) && !/[a-z]/.test(text));
define("islower", 0, 0, (text) => /[a-z]/.test(text) && !/[A-Z]/.test(text));
define(
  "istitle",
  0,
  0,
  (text) => /[A-Za-z]/.test(text) && [...text.matchAll(/[A-Za-z]+/g)].every(([run]) => /^[A-Z][a-z]*$/.test(run)),
);

function stripOnly(text: string): boolean {
  return [...text].every((character) => spaces.includes(character));
}

/** The part of a text that `find(x, start, end)` and its like look at, and where it begins. */
function windowOf(text: string, given: Given, run: Run): { part: string | undefined; start: number } {
  spendCharacters(text, run);
  const characters = charactersOf(text);
  const slice = { lower: given.thing(1), upper: given.thing(2), step: null };
  const { start, stop } = sliceRange(slice, characters.length, run);
  const lower = given.optional(1);
  const beyond = typeof lower === "bigint" && lower > BigInt(characters.length);
  if (start > stop || beyond) return { part: undefined, start };
  return {
    part: typeof characters === "string" ? text.slice(start, stop) : characters.slice(start, stop).join(""),
    start,
  };
}

function find(text: string, given: Given, run: Run, last: boolean): bigint {
  const wanted = given.text(0);
  const { part, start } = windowOf(text, given, run);
  if (part === undefined) return -1n;
  spendSearch(part, wanted, run);
  const at = last ? part.lastIndexOf(wanted) : part.indexOf(wanted);
  return at < 0 ? -1n : BigInt(start + lengthOfText(part.slice(0, at)));
}

function found(text: string, given: Given, run: Run, last: boolean): bigint {
  const at = find(text, given, run, last);
  if (at < 0n) throw run.fail("ValueError", "substring not found", "Write find(), which gives -1.");
  return at;
}

define("find", 1, 3, (text, given, run) => find(text, given, run, false));
define("rfind", 1, 3, (text, given, run) => find(text, given, run, true));
define("index", 1, 3, (text, given, run) => found(text, given, run, false));
define("rindex", 1, 3, (text, given, run) => found(text, given, run, true));
define("count", 1, 3, (text, given, run) => {
  const wanted = given.text(0);
  const { part } = windowOf(text, given, run);
  if (part === undefined) return 0n;
  if (wanted === "") return BigInt(lengthOfText(part) + 1);
  spendSearch(part, wanted, run);
  run.spend((8 * part.length) / wanted.length);
  let count = 0n;
  for (let at = part.indexOf(wanted); at >= 0; at = part.indexOf(wanted, at + wanted.length)) count += 1n;
  return count;
});

function affix(text: string, given: Given, run: Run, test: (part: string, wanted: string) => boolean): boolean {
  const { part } = windowOf(text, given, run);
  const first = given.optional(0);
  const wanted = first instanceof Tuple ? first.items : [first ?? null];
  return wanted.some((one) => {
    if (typeof one !== "string") throw run.fail("TypeError", `expected a string, not ${typeName(one)}`, "Give text.");
    run.spend(one.length);
    return part !== undefined && test(part, one);
  });
}

define("startswith", 1, 3, (text, given, run) => affix(text, given, run, (part, wanted) => part.startsWith(wanted)));
define("endswith", 1, 3, (text, given, run) => affix(text, given, run, (part, wanted) => part.endsWith(wanted)));

define("replace", 2, 3, (text, given, run) => {
  const before = given.text(0);
  const after = given.text(1);
  const limit = countOf(given.optionalInteger(2), -1);
  spendSearch(text, before, run);
  const most = limit < 0 ? Number.POSITIVE_INFINITY : limit;
  // Python 2 puts nothing into an empty text when it is told how often.
  if (most === 0 || (text === "" && limit >= 0)) return text;
  run.spend(before === "" ? 96 * text.length : (32 * text.length) / before.length);
  const pieces = before === "" ? ["", ...text] : text.split(before);
  const joints = Math.min(before === "" ? pieces.length : pieces.length - 1, most);
  run.make(text.length + joints * after.length);
  if (before === "") {
    return pieces.map((piece, index) => piece + (index < joints ? after : "")).join("");
  }
  return (
    pieces.slice(0, joints + 1).join(after) +
    pieces
      .slice(joints + 1)
      .map((piece) => before + piece)
      .join("")
  );
});

define("join", 1, 1, (text, given, run) => {
  const parts: string[] = [];
  let size = 0;
  for (const item of itemsOf(given.thing(0), run)) {
    if (typeof item !== "string") {
      throw run.fail(
        "TypeError",
        `sequence item ${parts.length}: expected string, ${typeName(item)} found`,
        "Write str(x) for each.",
      );
    }
    run.spend(16);
    size += item.length + text.length;
    run.make(size > 0 ? item.length + text.length : 0);
    parts.push(item);
  }
  run.make(size);
  return parts.join(text);
});

define("split", 0, 2, (text, given, run) => splitText(text, given, run, false));
define("rsplit", 0, 2, (text, given, run) => splitText(text, given, run, true));
define("splitlines", 0, 1, (text, given, run) => splitLines(text, given, run));
define("partition", 1, 1, (text, given, run) => partition(text, given, run, false));
define("rpartition", 1, 1, (text, given, run) => partition(text, given, run, true));

function partition(text: string, given: Given, run: Run, last: boolean): Thing {
  const separator = given.text(0);
  if (separator === "") throw run.fail("ValueError", "empty separator", "Give a separator.");
  spendSearch(text, separator, run);
  const at = last ? text.lastIndexOf(separator) : text.indexOf(separator);
  if (at < 0) return new Tuple<Thing>(last ? ["", "", text] : [text, "", ""]);
  return new Tuple<Thing>([text.slice(0, at), separator, text.slice(at + separator.length)]);
}

function justified(text: string, given: Given, run: Run, left: (room: number, width: number) => number): string {
  const width = countOf(given.integer(0), 0);
  const fill = given.optional(1) === undefined ? " " : given.text(1);
  if ([...fill.slice(0, 3)].length !== 1)
    throw run.fail("TypeError", "the fill character must be one character", "Give one.");
  const room = width - lengthOfText(text);
  if (room <= 0) return text;
  run.make(text.length + room * fill.length);
  const before = left(room, width);
  return fill.repeat(before) + text + fill.repeat(room - before);
}

define("ljust", 1, 2, (text, given, run) => justified(text, given, run, () => 0));
define("rjust", 1, 2, (text, given, run) => justified(text, given, run, (room) => room));
define("center", 1, 2, (text, given, run) =>
  justified(text, given, run, (room, width) => (room >> 1) + (room & width & 1)),
);
define("zfill", 1, 1, (text, given, run) => {
  const width = countOf(given.integer(0), 0);
  const room = width - lengthOfText(text);
  if (room <= 0) return text;
  run.make(text.length + room);
  const sign = text.startsWith("-") || text.startsWith("+") ? text.charAt(0) : "";
  return sign + "0".repeat(room) + text.slice(sign.length);
});
define("expandtabs", 0, 1, (text, given, run) => {
  const size = countOf(given.optionalInteger(0), 8);
  run.make(text.length + (text.split("\t").length - 1) * Math.max(size, 0));
  let column = 0;
  return text.replace(/[\t\r\n]|[^\t\r\n]+/g, (part) => {
    if (part === "\n" || part === "\r") column = 0;
    else if (part !== "\t") column += part.length;
    else {
      const room = size > 0 ? size - (column % size) : 0;
      column += room;
      return " ".repeat(room);
    }
    return part;
  });
});
// Text has one type here, so a change of encoding changes nothing. Codecs that make something else of a text are not encodings.
const encodings: ReadonlySet<string> = new Set(["ascii", "utf8", "latin1", "iso88591", "usascii"]);
function recoded(text: string, given: Given, run: Run): string {
  const name = given.optional(0) === undefined ? "ascii" : given.text(0);
  if (encodings.has(name.toLowerCase().replace(/[-_ ]/g, ""))) return text;
  throw refuse(run.at, `The codec ${name.slice(0, 40)}`, "Write the text that it would give.");
}
define("encode", 0, 2, recoded, ["encoding", "errors"]);
define("decode", 0, 2, recoded, ["encoding", "errors"]);
