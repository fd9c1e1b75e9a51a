import { type KeyboardEvent, useEffect, useState } from "react";
import { count } from "../parts/words";
import type { LogLines } from "./lines";
import { type Hits, mostHits, searchLines } from "./search";

interface Props {
  lines: LogLines;
  /** When more has come, it is searched again. */
  version: number;
  onHit: (line: number | undefined) => void;
}

const settleMs = 250;

/** Enter goes to the next line that has the words, Shift and Enter to the one before. */
export function LogSearch({ lines, version, onHit }: Props) {
  const [words, setWords] = useState("");
  const [hits, setHits] = useState<Hits>();
  const [at, setAt] = useState(-1);
  const wanted = words.trim();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the lines are one object for ever; its version says that it is another.
  useEffect(() => {
    if (wanted === "") {
      setHits(undefined);
      return;
    }
    const stop = new AbortController();
    const timer = setTimeout(
      () => void searchLines(lines, wanted, stop.signal).then((found) => !stop.signal.aborted && setHits(found)),
      settleMs,
    );
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [wanted, lines, version]);
  const found = hits?.lines ?? [];
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || found.length === 0) return;
    event.preventDefault();
    const next = (at + (event.shiftKey ? -1 : 1) + found.length) % found.length;
    setAt(next);
    onHit(found[next]);
  };
  return (
    <span className="cv-log-search">
      <input
        type="search"
        aria-label="Search the log"
        placeholder="Search the log"
        value={words}
        onChange={({ target }) => {
          setWords(target.value);
          setAt(-1);
          onHit(undefined);
        }}
        onKeyDown={onKeyDown}
      />
      {hits !== undefined && (
        <span className="cv-quiet" role="status">
          {at >= 0 && `${at + 1} of `}
          {hits.isComplete || found.length < mostHits
            ? count(found.length, "line")
            : `more than ${mostHits.toLocaleString()} lines`}
        </span>
      )}
    </span>
  );
}
