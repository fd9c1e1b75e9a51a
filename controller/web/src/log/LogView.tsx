// A log as it comes: follows by itself until one scrolls up, searches, links to a line, and keeps up with 50 MiB, for it draws no more than what is seen.
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { useAddressChange } from "../parts/address";
import { bytesOf } from "../parts/sizes";
import { LogLine } from "./LogLine";
import { LogSearch } from "./LogSearch";
import type { JobLog } from "./useJobLog";

const linePx = 20;
/** No browser lays out what is much taller; beyond, the scroll bar stands for more than pixels. */
const tallestPx = 8_000_000;

interface Props {
  log: JobLog;
  /** Where the bytes can be had as they are. */
  downloadTo: string;
  /** What is said when there is no log. */
  empty: string;
}

export function LogView({ log, downloadTo, empty }: Props) {
  const [search] = useSearchParams();
  const changeAddress = useAddressChange();
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(480);
  const linked = Number(search.get("line") ?? 0);
  const [isFollowing, setFollowing] = useState(linked === 0);
  const [seenCount, setSeenCount] = useState(0);
  const [hit, setHit] = useState<number>();
  const { lines } = log;
  const count = lines.count;
  const wholePx = Math.min(tallestPx, count * linePx);
  const scale = count * linePx <= tallestPx ? 1 : (count * linePx - height) / (tallestPx - height);
  const first = Math.max(0, Math.floor((top * scale) / linePx));
  const shown = Math.ceil(height / linePx) + 2;

  const goTo = useCallback(
    (line: number) => {
      if (box.current === null) return;
      setFollowing(false);
      box.current.scrollTop = Math.max(0, (line * linePx - height / 3) / scale);
    },
    [height, scale],
  );
  useEffect(() => {
    if (box.current === null) return;
    const resized = new ResizeObserver(() => setHeight(box.current?.clientHeight ?? 480));
    resized.observe(box.current);
    return () => resized.disconnect();
  }, []);
  useLayoutEffect(() => {
    if (isFollowing && box.current !== null) box.current.scrollTop = wholePx;
  }, [isFollowing, wholePx]);
  const wasLinked = useRef(false);
  useEffect(() => {
    if (linked === 0 || wasLinked.current || count < linked) return;
    wasLinked.current = true;
    goTo(linked - 1);
  }, [linked, count, goTo]);

  const onScroll = () => {
    if (box.current === null) return;
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    setTop(scrollTop);
    const isAtEnd = scrollHeight - scrollTop - clientHeight < linePx;
    if (isAtEnd !== isFollowing && (isAtEnd || scrollTop < top)) {
      setFollowing(isAtEnd);
      setSeenCount(count);
    }
  };
  const choose = (line: number) => changeAddress((query) => query.set("line", String(line + 1)));

  if (count === 0 && log.state !== "reading") return <p className="cv-quiet cv-log-empty">{empty}</p>;
  const fresh = count - seenCount;
  return (
    <div className="cv-log">
      <div className="cv-log-bar">
        <LogSearch
          lines={lines}
          version={log.version}
          onHit={(line) => {
            setHit(line);
            if (line !== undefined) goTo(line);
          }}
        />
        <span className="cv-quiet cv-log-size" role="status">
          {count.toLocaleString()} lines, {bytesOf(lines.length)}
          {log.state === "reading" && log.expected > lines.length && ` of ${bytesOf(log.expected)}`}
          {log.state === "broken" && "; the line broke, trying again"}
        </span>
        <Button variant="link" size="sm" component="a" href={downloadTo} download>
          Download
        </Button>
      </div>
      <div
        className="cv-log-box"
        ref={box}
        onScroll={onScroll}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must by keyboard as well.
        tabIndex={0}
        role="log"
        aria-label="Log"
        aria-live="off"
      >
        <div style={{ height: wholePx }} className="cv-log-whole">
          <div style={{ transform: `translateY(${scale === 1 ? first * linePx : top}px)` }}>
            {Array.from({ length: Math.max(0, Math.min(shown, count - first)) }, (_, offset) => {
              const line = first + offset;
              return (
                <LogLine
                  key={line}
                  lines={lines}
                  line={line}
                  // An unfinished line grows.
                  size={lines.size(line)}
                  isChosen={line === hit || line === linked - 1}
                  onChoose={choose}
                />
              );
            })}
          </div>
        </div>
      </div>
      {!isFollowing && log.state === "following" && (
        <Button variant="secondary" size="sm" className="cv-log-follow" onClick={() => setFollowing(true)}>
          {fresh > 0 ? `${fresh.toLocaleString()} new ${fresh === 1 ? "line" : "lines"}` : "Follow"}
        </Button>
      )}
    </div>
  );
}
