// A text with what differs from another marked: lines that came, and above them those that they took the place of.
import { visible } from "../log/ansi";

export interface DiffLine {
  /** `gap` stands for lines that are the same, `note` says something of the line before. */
  kind: "same" | "added" | "removed" | "gap" | "note";
  text: string;
}

interface Props {
  text: string;
  /** A unified diff; empty when there is nothing to compare with. */
  unified: string;
}

export function Diff({ text, unified }: Props) {
  return <DiffLines lines={unified === "" ? unchanged(text) : parsed(unified)} />;
}

const signs: Readonly<Partial<Record<DiffLine["kind"], string>>> = { added: "+", removed: "−" };

/** Characters that would hide, or turn the line around, are shown as such. */
export function DiffLines({ lines }: { lines: readonly DiffLine[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must by keyboard as well.
    <pre className="cv-diff" tabIndex={0}>
      {lines.map(({ kind, text: line }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name and no state.
        <div key={index} data-kind={kind}>
          <span aria-hidden="true">{signs[kind] ?? " "}</span>
          {(kind === "added" || kind === "removed") && <span className="pf-v6-screen-reader">{kind}: </span>}
          {visible(line) || " "}
        </div>
      ))}
    </pre>
  );
}

/** The lines of hunks, with a gap between two. */
export function linesOfHunks(hunks: readonly (readonly string[])[]): DiffLine[] {
  return hunks.flatMap((lines, index) => [
    ...(index === 0 ? [] : [{ kind: "gap" as const, text: "⋯" }]),
    ...lines.map(lineOf),
  ]);
}

function unchanged(text: string): DiffLine[] {
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => ({ kind: "same", text: line }));
}

/** What stands above the first hunk names the files, and is no line of theirs. */
function parsed(unified: string): DiffLine[] {
  const hunks: string[][] = [];
  for (const line of unified.replace(/\n$/, "").split("\n"))
    if (line.startsWith("@@")) hunks.push([]);
    else hunks.at(-1)?.push(line);
  return linesOfHunks(hunks);
}

function lineOf(line: string): DiffLine {
  const text = line.slice(1);
  switch (line.charAt(0)) {
    case "+":
      return { kind: "added", text };
    case "-":
      return { kind: "removed", text };
    case "\\":
      return { kind: "note", text: "the line above has no end" };
    default:
      return { kind: "same", text };
  }
}
