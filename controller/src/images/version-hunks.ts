// What differs between two texts, as the hunks of a unified diff. Texts come from whoever writes images, so that neither their length nor how
// little they have in common may cost more than is said here.
import type { DiffHunk } from "@convirt/contract/image";
import { structuredPatch } from "diff";

const context = 3;
/** Of lines that came and went: the search for the shortest diff grows with its square. */
const mostEdits = 3_000;
const noEnd = "\\ No newline at end of file";

/** What one answer may still hold; shared by its files, and used up. */
export interface Budget {
  lines: number;
  characters: number;
}

export interface TextDiff {
  hunks: DiffHunk[];
  /** All between the first and the last line that differ is shown as replaced: the texts have too little in common to be compared line by line. */
  coarse: boolean;
  /** How many lines of hunks the budget did not allow. */
  linesLeftOut: number;
}

/** Compares for at most `timeoutMs`, and then coarsely. */
export function diffTexts(before: string, after: string, budget: Budget, timeoutMs: number): TextDiff {
  // Of a text that came or went, nothing is to be looked for.
  if (before === "" || after === "") return { ...withinBudget(coarseHunks(before, after), budget), coarse: false };
  const patch =
    timeoutMs <= 0
      ? undefined
      : structuredPatch("", "", before, after, "", "", { context, maxEditLength: mostEdits, timeout: timeoutMs });
  const hunks = patch?.hunks.map(numbered) ?? coarseHunks(before, after);
  return { ...withinBudget(hunks, budget), coarse: patch === undefined };
}

/** A unified diff counts an empty side from the line before it. */
function numbered({ lines, oldStart, newStart }: Pick<DiffHunk, "lines" | "oldStart" | "newStart">): DiffHunk {
  const oldLines = lines.filter((line) => /^[ -]/.test(line)).length;
  const newLines = lines.filter((line) => /^[ +]/.test(line)).length;
  return {
    oldStart: oldLines === 0 ? oldStart - 1 : oldStart,
    oldLines,
    newStart: newLines === 0 ? newStart - 1 : newStart,
    newLines,
    lines,
  };
}

function coarseHunks(before: string, after: string): DiffHunk[] {
  const one = linesOf(before);
  const other = linesOf(after);
  const shorter = Math.min(one.length, other.length);
  let top = 0;
  while (top < shorter && one[top] === other[top]) top += 1;
  let end = 0;
  while (end < shorter - top && one[one.length - 1 - end] === other[other.length - 1 - end]) end += 1;
  if (top === one.length && top === other.length) return [];
  const from = Math.max(0, top - context);
  const behind = one.length - end;
  const lines = [
    ...marked(" ", one.slice(from, top)),
    ...marked("-", one.slice(top, behind)),
    ...marked("+", other.slice(top, other.length - end)),
    ...marked(" ", one.slice(behind, behind + context)),
  ];
  return [numbered({ lines, oldStart: from + 1, newStart: from + 1 })];
}

/** Each with the end of line that it has. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function marked(mark: string, lines: readonly string[]): string[] {
  return lines.flatMap((line) => (line.endsWith("\n") ? [mark + line.slice(0, -1)] : [mark + line, noEnd]));
}

function withinBudget(hunks: readonly DiffHunk[], budget: Budget): Pick<TextDiff, "hunks" | "linesLeftOut"> {
  const shown: DiffHunk[] = [];
  let linesLeftOut = 0;
  for (const hunk of hunks) {
    let taken = 0;
    // After a part of a hunk no further one is begun.
    for (const line of linesLeftOut > 0 ? [] : hunk.lines) {
      if (budget.lines < 1 || budget.characters < line.length) break;
      budget.lines -= 1;
      budget.characters -= line.length;
      taken += 1;
    }
    linesLeftOut += hunk.lines.length - taken;
    if (taken > 0) shown.push(taken === hunk.lines.length ? hunk : cut(hunk, taken));
  }
  return { hunks: shown, linesLeftOut };
}

/** The hunk's first lines, counted anew; the end of a file that is not reached has nothing to say of its newline. */
function cut(hunk: DiffHunk, taken: number): DiffHunk {
  const { oldStart, oldLines, newStart, newLines, lines } = hunk;
  const first = {
    oldStart: oldLines === 0 ? oldStart + 1 : oldStart,
    newStart: newLines === 0 ? newStart + 1 : newStart,
  };
  return numbered({ ...first, lines: lines.slice(0, taken) });
}
