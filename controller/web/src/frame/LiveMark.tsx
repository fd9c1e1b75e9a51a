import { useLine, useNow } from "../live/context";

/** Says whether what the page shows is told as it happens. */
export function LiveMark() {
  const line = useLine();
  useNow();
  if (line.kind === "live")
    return (
      <span className="cv-live" data-state="live" title="The controller tells this page of every change as it happens">
        <span className="cv-live-dot" /> <span className="cv-live-word">live</span>
      </span>
    );
  const leftS = line.kind === "off" ? Math.max(0, Math.ceil((line.retryAtMs - Date.now()) / 1000)) : 0;
  const words =
    line.kind === "connecting" ? "connecting" : leftS > 0 ? `not live, trying again in ${leftS} s` : "not live, trying";
  return (
    <span className="cv-live" data-state={line.kind} role="status" title="What this page shows may be old">
      <span className="cv-live-dot" /> <span className="cv-live-word">{words}</span>
    </span>
  );
}
