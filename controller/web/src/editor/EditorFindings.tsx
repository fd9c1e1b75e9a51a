import type { DiagnosticView } from "@convirt/contract/image";
import { Status } from "../parts/Status";

const tones = { error: "bad", warning: "look", info: "off" } as const;

interface Props {
  diagnostics: readonly DiagnosticView[];
  onOpen: (file: string, line: number) => void;
}

/** All that lint says of the image as it would be, below the source. */
export function EditorFindings({ diagnostics, onOpen }: Props) {
  if (diagnostics.length === 0)
    return (
      <p className="cv-editor-findings" role="status">
        <Status tone="good">Accepted; nothing to mend</Status>
      </p>
    );
  return (
    <ul className="cv-editor-findings" aria-label="Findings">
      {diagnostics.map((found) => (
        <li key={`${found.file} ${found.line} ${found.column} ${found.code}`}>
          <Status tone={tones[found.severity]}>
            <button type="button" className="cv-link" onClick={() => onOpen(found.file, found.line)}>
              {found.file}:{found.line}
            </button>
          </Status>
          <span>
            {found.message} <span className="cv-quiet">{found.advice}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}
