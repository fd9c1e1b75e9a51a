// A file with what differs from its template marked: lines that came, and above them those that they took the place of.
interface Props {
  text: string;
  /** A unified diff; empty when there is nothing to compare with. */
  unified: string;
}

interface Line {
  kind: "same" | "added" | "removed" | "gap";
  text: string;
}

export function Diff({ text, unified }: Props) {
  const lines =
    unified === ""
      ? text
          .replace(/\n$/, "")
          .split("\n")
          .map((line): Line => ({ kind: "same", text: line }))
      : parsed(unified);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must by keyboard as well.
    <pre className="cv-diff" tabIndex={0}>
      {lines.map(({ kind, text: line }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name and no state.
        <div key={index} data-kind={kind}>
          <span aria-hidden="true">{kind === "added" ? "+" : kind === "removed" ? "−" : " "}</span>
          {kind === "added" && <span className="pf-v6-screen-reader">added: </span>}
          {kind === "removed" && <span className="pf-v6-screen-reader">removed: </span>}
          {line || " "}
        </div>
      ))}
    </pre>
  );
}

function parsed(unified: string): Line[] {
  const lines: Line[] = [];
  for (const line of unified.split("\n")) {
    if (/^(={3,}|---|\+\+\+|\\)/.test(line)) continue;
    if (line.startsWith("@@")) {
      if (lines.length > 0) lines.push({ kind: "gap", text: "⋯" });
    } else if (line.startsWith("+")) lines.push({ kind: "added", text: line.slice(1) });
    else if (line.startsWith("-")) lines.push({ kind: "removed", text: line.slice(1) });
    else if (line.startsWith(" ")) lines.push({ kind: "same", text: line.slice(1) });
  }
  return lines;
}
