import { useHeard, useNow } from "../live/context";
import { coarse, utc } from "./Time";

/** What a host said is shown as it is for this long; then with its age. */
export const freshMs = 10_000;

/** How long ago the host was last heard, in milliseconds; undefined when it never was. */
export function useSilence(host: string, lastContactAt: string | null): number | undefined {
  const heard = useHeard(host);
  const now = useNow();
  const at = Math.max(heard ?? 0, lastContactAt === null ? 0 : Date.parse(lastContactAt));
  return at === 0 ? undefined : Math.max(0, now - at);
}

/** "2 s ago", counting by itself. */
export function LastHeard({ host, lastContactAt }: { host: string; lastContactAt: string | null }) {
  const silence = useSilence(host, lastContactAt);
  if (silence === undefined) return <span className="cv-quiet">never</span>;
  return (
    <span
      className={`cv-time ${silence > freshMs ? "cv-stale" : ""}`}
      title={lastContactAt === null ? "" : `Told at ${utc(lastContactAt)}`}
    >
      {coarse(silence)} ago
    </span>
  );
}
