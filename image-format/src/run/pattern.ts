// Python's regular expressions, run by RE2, which cannot blow up. A pattern is let through only where both mean the same; the
// rest (look-around, references, Python's rarer escapes) is refused with advice.

import type { RE2JS } from "re2js";
import { refuse } from "../source/refused.js";
import { engine } from "./pattern-engine.js";
import type { Run } from "./run.js";

/** A pattern ready to run, and what one character of text costs with it. */
export interface Pattern {
  expression: RE2JS;
  cost: number;
  /** Whether `$` occurs: Python lets it match before a last line feed, RE2 does not. */
  endAnchor: boolean;
}

/** As Python's re.I, re.M and re.S. */
export interface PatternFlags {
  ignoreCase: boolean;
  multiLine: boolean;
  dotAll: boolean;
}

const maxPatternLength = 2000;
// Length of the pattern times all its repeat counts: what the compiled program could grow to.
const maxExpansion = 20_000;
const sameEscapes = "dDwWbBAnrtfva";
const pythonBlanks = "\\t\\n\\v\\f\\r ";

export function compilePattern(source: string, flags: PatternFlags, run: Run): Pattern {
  if (source.length > maxPatternLength) throw run.limit("A regular expression is too long");
  run.spend(32_000 + 1600 * source.length);
  checkExpansion(source, run);
  const { text, endAnchor } = translate(source, run);
  const { RE2JS, RE2JSException } = engine();
  const { ignoreCase, multiLine, dotAll } = flags;
  try {
    const expression = RE2JS.compile(
      text,
      (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0) | (multiLine ? RE2JS.MULTILINE : 0) | (dotAll ? RE2JS.DOTALL : 0),
    );
    const cost = 4 * (expression.programSize() + 8);
    run.spend(cost);
    return { expression, cost, endAnchor };
  } catch (error) {
    // RE2's own complaint about the pattern; Python's would be an error too, or the pattern is outside the common part.
    if (!(error instanceof RE2JSException)) throw error;
    throw refuse(run.at, "This regular expression", `Write it more simply: ${error.message}.`);
  }
}

function checkExpansion(source: string, run: Run): void {
  let expansion = source.length;
  for (const [, least = "", most = ""] of source.matchAll(/\{(\d*),?(\d*)\}/g)) {
    expansion *= Math.max(Number(least), Number(most), 1);
    if (expansion > maxExpansion) throw run.limit("A regular expression repeats too much");
  }
}

function translate(source: string, run: Run): { text: string; endAnchor: boolean } {
  const out: string[] = [];
  let endAnchor = false;
  let inClass = false;
  for (let at = 0; at < source.length; at += 1) {
    const char = source.charAt(at);
    if (char === "\\") {
      at += 1;
      out.push(escaped(source, at, inClass, run));
      if (source[at] === "x") at += 2;
    } else if (inClass) {
      if (char === "[") out.push("\\[");
      else out.push(char);
      inClass = char !== "]";
    } else if (char === "[") {
      inClass = true;
      const opening = /^\[\^?\]?/.exec(source.slice(at))?.[0] ?? "[";
      out.push(opening.endsWith("]") ? `${opening.slice(0, -1)}\\]` : opening);
      at += opening.length - 1;
    } else if (char === "(" && source[at + 1] === "?") {
      checkGroup(source, at, run);
      out.push(char);
    } else {
      if (char === "$") endAnchor = true;
      // RE2 takes a repeat without a least count for text.
      out.push(char === "{" && /^\{,\d+\}/.test(source.slice(at, at + 12)) ? "{0" : char);
    }
  }
  return { text: out.join(""), endAnchor };
}

function checkGroup(source: string, at: number, run: Run): void {
  const rest = source.slice(at + 2, at + 40);
  if (rest.startsWith(":") || /^P<[A-Za-z_][A-Za-z0-9_]*>/.test(rest)) return;
  if (at === 0 && /^[ims]+\)/.test(rest)) return;
  const advice =
    "Write groups as ( ), (?: ) or (?P<name> ), and flags at the start; test twice instead of looking ahead.";
  throw refuse(run.at, "This kind of group in a regular expression", advice);
}

function escaped(source: string, at: number, inClass: boolean, run: Run): string {
  const char = source.charAt(at);
  if (char === "s") return inClass ? pythonBlanks : `[${pythonBlanks}]`;
  if (char === "S" && !inClass) return `[^${pythonBlanks}]`;
  if (char === "Z") return "\\z";
  if (char === "x" && /^[0-9a-fA-F]{2}/.test(source.slice(at + 1, at + 3))) return `\\x${source.slice(at + 1, at + 3)}`;
  if (inClass && char === "b") return "\\x08";
  if (inClass && "BAZS".includes(char)) throw refuse(run.at, `\\${char} between [ and ]`, "Write the characters.");
  if (char !== "" && (sameEscapes.includes(char) || !/[A-Za-z0-9]/.test(char))) {
    return char >= " " && char < "\u007f" ? `\\${char}` : char;
  }
  throw refuse(run.at, `\\${char} in a regular expression`, "Write \\d \\w \\s \\b or the character itself.");
}
