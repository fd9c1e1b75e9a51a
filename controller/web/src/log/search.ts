// Searching a log of 50 MiB must not hold up the page: it goes piece by piece, and lets the page breathe between two.
import type { LogLines } from "./lines";

const pieceLines = 4000;
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
    for (let line = from; line < to; line++) {
      if (
        !log
          .text(line, 64 * 1024)
          .toLowerCase()
          .includes(wanted)
      )
        continue;
      lines.push(line);
      if (lines.length === mostHits) return { lines, isComplete: false };
    }
    await new Promise((resolve) => setTimeout(resolve));
    if (signal.aborted) return { lines: [], isComplete: false };
  }
  return { lines, isComplete: true };
}
