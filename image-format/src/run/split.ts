import { countOf, type Given } from "./arguments.js";
import type { Run } from "./run.js";
import { spendSearch } from "./sequence.js";
import type { Thing } from "./thing.js";

/** `split` and `rsplit`: at a separator, or at runs of blanks; at most so many times, counted from the left or the right. */
export function splitText(text: string, given: Given, run: Run, fromRight: boolean): Thing[] {
  const limit = countOf(given.optionalInteger(1), -1);
  const most = limit < 0 ? Number.POSITIVE_INFINITY : limit;
  const separator = given.optional(0);
  if (separator === undefined || separator === null) return atBlanks(text, most, fromRight, run);
  const at = given.text(0);
  if (at === "") throw run.fail("ValueError", "empty separator", "Give a separator, or none to split at blanks.");
  spendSearch(text, at, run);
  return atSeparator(text, at, most, fromRight, run);
}

function atSeparator(text: string, separator: string, most: number, fromRight: boolean, run: Run): string[] {
  const parts: string[] = [];
  let rest = text;
  let from = 0;
  let to = text.length;
  while (parts.length < most) {
    run.spend(48);
    const at = fromRight ? lastIndexBefore(text, separator, to) : text.indexOf(separator, from);
    if (at < 0) break;
    parts.push(fromRight ? text.slice(at + separator.length, to) : text.slice(from, at));
    if (fromRight) to = at;
    else from = at + separator.length;
  }
  rest = text.slice(from, to);
  parts.push(rest);
  return fromRight ? parts.reverse() : parts;
}

function lastIndexBefore(text: string, separator: string, to: number): number {
  return to < separator.length ? -1 : text.lastIndexOf(separator, to - separator.length);
}

function atBlanks(text: string, most: number, fromRight: boolean, run: Run): string[] {
  const words = [...text.matchAll(/[^ \t\n\r\v\f]+/g)];
  run.make(16 * words.length);
  run.spend(64 * words.length);
  if (words.length <= most) return words.map(([word]) => word);
  if (fromRight) {
    const first = words[words.length - most];
    const head = text.slice(0, first?.index ?? text.length).replace(/^[ \t\n\r\v\f]+/, "");
    return [trimmedEnd(head), ...words.slice(words.length - most).map(([word]) => word)];
  }
  const last = words[most];
  return [...words.slice(0, most).map(([word]) => word), text.slice(last?.index ?? text.length)];
}

/** Without blanks at the end, in one pass from the end: a regular expression would look from every blank on. */
function trimmedEnd(text: string): string {
  let to = text.length;
  while (to > 0 && " \t\n\r\v\f".includes(text.charAt(to - 1))) to -= 1;
  return text.slice(0, to);
}

/** `splitlines(keepends)`. */
export function splitLines(text: string, given: Given, run: Run): Thing[] {
  const keep = given.optional(0);
  const lines = [...text.matchAll(/([^\r\n]*)(\r\n|\r|\n|$)/g)].filter(([line]) => line !== "");
  run.make(16 * lines.length);
  const keepEnds = keep !== undefined && keep !== null && keep !== false && keep !== 0n;
  return lines.map(([line, body]) => (keepEnds ? line : (body ?? "")));
}
