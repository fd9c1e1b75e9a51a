import { memo, useState } from "react";
import { bytesOf } from "../parts/sizes";
import { piecesOf } from "./ansi";
import { type LogLines, shownBytes } from "./lines";

interface Props {
  lines: LogLines;
  line: number;
  size: number;
  isChosen: boolean;
  onChoose: (line: number) => void;
}

export const LogLine = memo(function LogLine({ lines, line, size, isChosen, onChoose }: Props) {
  const [isWhole, setWhole] = useState(false);
  const pieces = piecesOf(lines.text(line, isWhole ? size : shownBytes));
  return (
    <div className="cv-log-line" data-chosen={isChosen}>
      <button
        type="button"
        className="cv-log-number"
        tabIndex={-1}
        onClick={() => onChoose(line)}
        title="Put this line into the address"
      >
        {line + 1}
      </button>
      <span className="cv-log-text">
        {pieces.map(({ text, look }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: pieces of a line have no other name and no state.
          <span key={index} className={look}>
            {text}
          </span>
        ))}
        {size > shownBytes && !isWhole && (
          <button type="button" className="cv-log-more" onClick={() => setWhole(true)}>
            … {bytesOf(size)} in all
          </button>
        )}
      </span>
    </div>
  );
});
