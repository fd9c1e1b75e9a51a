// Writing a file back: whole statements are replaced, everything else stays to the byte, comments and line ends too. What was written is read again, and only what
// then says exactly what was meant is given out.
import { type Evaluation, evaluate } from "./evaluate.js";
import { literalOf } from "./run/text.js";
import type { Options, OptionValue } from "./value.js";

type Evaluated = Extract<Evaluation, { ok: true }>;

export interface OptionEdits {
  set: ReadonlyMap<string, OptionValue>;
  unset: readonly string[];
}

/** Literals, one option a line, in their order. Evaluating the text gives the same options. */
export function writeOptions(options: Options): string {
  return [...options].map(([name, value]) => `${name} = ${literalOf(value)}\n`).join("");
}

/** Thrown when a file is so written that an edit cannot be expressed; the message says where. */
export class CannotRewrite extends Error {
  override readonly name = "CannotRewrite";
}

/** The source with options set and removed. Throws CannotRewrite for a source that does not evaluate, or when the edit cannot be expressed. */
export function rewriteOptions(source: string, edits: OptionEdits, request: { file: string }): string {
  let text = source;
  for (const name of edits.unset) text = edit(text, request.file, name, undefined);
  for (const [name, value] of edits.set) text = edit(text, request.file, name, value);
  return text;
}

function read(source: string, file: string): Evaluated | undefined {
  const evaluation = evaluate(source, { file, predefined: file === "image.conf" ? "image_conf" : "vm_conf" });
  return evaluation.ok ? evaluation : undefined;
}

function edit(source: string, file: string, name: string, value: OptionValue | undefined): string {
  const before = read(source, file);
  if (before === undefined) throw new CannotRewrite(`Cannot edit ${file}: it does not evaluate as it is`);
  const old = before.options.get(name);
  if (value === undefined ? old === undefined : old !== undefined && literalOf(old) === literalOf(value)) return source;
  for (const candidate of candidates(source, before, name, value)) {
    const after = read(candidate, file);
    if (after !== undefined && says(after, before, name, value)) return candidate;
  }
  throw new CannotRewrite(
    `Cannot edit ${file}: "${name}" is used in a way that leaves no place to set it; edit the file by hand`,
  );
}

/** Ways to express the edit, the least intrusive first. */
function* candidates(
  source: string,
  before: Evaluated,
  name: string,
  value: OptionValue | undefined,
): Generator<string> {
  const own = before.assignments.filter((one) => one.name === name);
  const alone = own.filter(
    (one) => !before.assignments.some((other) => other !== one && other.from === one.from && other.to === one.to),
  );
  if (value === undefined) {
    // The last ones first, so that the offsets of those before stay true.
    yield [...alone].reverse().reduce((text, one) => withoutStatement(text, one.from, one.to), source);
    yield appended(source, `del ${name}`);
    return;
  }
  const statement = `${name} = ${literalOf(value)}`;
  const last = alone.at(-1);
  if (last !== undefined)
    yield source.slice(0, last.from) +
      `${spelling(source.slice(last.from, last.to), name)}${literalOf(value)}` +
      source.slice(last.to);
  yield appended(source, statement);
  // Behind a backslash at the very end, the line that it continues is to be an empty one.
  yield appended(`${source}\n\n`, statement);
}

/** `name=` or `name = `, as the author writes it. */
function spelling(statement: string, name: string): string {
  const match = /^[A-Za-z_]\w*([ \t]*=[ \t]*)(?!=)/.exec(statement);
  return `${name}${match?.[1] ?? " = "}`;
}

function withoutStatement(source: string, from: number, to: number): string {
  const lineStart = source.lastIndexOf("\n", from - 1) + 1;
  const rest = /^[ \t]*(#[^\r\n]*)?(\r?\n|$)/.exec(source.slice(to));
  const indent = source.slice(lineStart, from);
  if (rest === null || !/^[ \t]*$/.test(indent)) return `${source.slice(0, from)}pass${source.slice(to)}`;
  // Within a block the line stays, for a block may not be empty; a comment behind the statement stays too.
  if (indent !== "") return `${source.slice(0, from)}pass${source.slice(to)}`;
  if (rest[1] !== undefined) return source.slice(0, from) + source.slice(to).replace(/^[ \t]+/, "");
  return source.slice(0, lineStart) + source.slice(to + rest[0].length);
}

function appended(source: string, statement: string): string {
  const end = source.includes("\r\n") ? "\r\n" : "\n";
  const gap = source === "" || source.endsWith("\n") ? "" : end;
  return `${source}${gap}${statement}${end}`;
}

/** The option is as meant, and no option that does not depend on it has changed. */
function says(after: Evaluated, before: Evaluated, name: string, value: OptionValue | undefined): boolean {
  const now = after.options.get(name);
  if (value === undefined ? now !== undefined : now === undefined || literalOf(now) !== literalOf(value)) return false;
  const others = new Set([...before.options.keys(), ...after.options.keys()]);
  others.delete(name);
  return [...others].every((other) => before.options.has(other) === after.options.has(other));
}
