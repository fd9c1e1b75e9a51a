// Searching a log of 50 MiB must not hold up the page: it goes piece by piece, and lets the page breathe between two.
import type { LogLines } from "./lines";

const pieceLines = 10_000;
const mostOfALine = 64 * 1024;
/** More hits than this nobody walks through. */
export const mostHits = 10_000;

export interface Hits {
  lines: number[];
  isComplete: boolean;
}

/** Lines that hold the words, in any case. */
export async function searchLines(log: LogLines, words: string, signal: AbortSignal): Promise<Hits> {
  const wanted = words.toLowerCase();
  const lines: number[] = [];
  const until = log.count;
  for (let from = 0; from < until; from += pieceLines) {
    const to = Math.min(until, from + pieceLines);
    // Most pieces hold no hit, and are passed over as a whole.
    if (log.raw(from, to).toLowerCase().includes(wanted))
      for (let line = from; line < to; line++) {
        const text = log.text(line, mostOfALine).toLowerCase();
        if (!text.includes(wanted)) continue;
        lines.push(line);
        if (lines.length === mostHits) return { lines, isComplete: false };
      }
    await new Promise((resolve) => setTimeout(resolve));
    if (signal.aborted) return { lines: [], isComplete: false };
  }
  return { lines, isComplete: true };
}
