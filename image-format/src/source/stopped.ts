import type { Diagnostic, DiagnosticCode } from "../diagnostic.js";

/** Ends the reading or the evaluation of a file: becomes its one diagnostic. `at` is an offset into the source. */
export class Stopped extends Error {
  readonly code: DiagnosticCode;
  readonly at: number;
  readonly advice: string;
  constructor(code: DiagnosticCode, at: number, message: string, advice: string) {
    super(message);
    this.code = code;
    this.at = at;
    this.advice = advice;
  }
}

/** Offsets at which the lines of a source begin. A line ends with LF, CR LF or a CR alone, as Python reads it. */
export function lineStartsOf(source: string): number[] {
  const starts = [source.charCodeAt(0) === 0xfeff ? 1 : 0];
  for (const end of source.matchAll(/\r\n|\n|\r/g)) starts.push(end.index + end[0].length);
  return starts;
}

/** The line and column of an offset, both from 1. */
export function placeIn(lineStarts: readonly number[], at: number): { line: number; column: number } {
  let low = 0;
  let high = lineStarts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((lineStarts[middle] ?? 0) <= at) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: Math.max(at - (lineStarts[low] ?? 0), 0) + 1 };
}

/** The diagnostic that a stop becomes. */
export function diagnosticOf(stopped: Stopped, file: string, source: string): Diagnostic {
  const { code, message, advice } = stopped;
  return { file, ...placeIn(lineStartsOf(source), stopped.at), severity: "error", code, message, advice };
}
