import { useHeard, useNow, useSaw } from "../live/context";
import { coarse, utc } from "./Time";

/** What a host said is shown as it is for this long; then with its age. */
export const freshMs = 10_000;

/** A host looks for its domains every 10 s, and takes a moment to: what it saw is shown as it is for this long. */
export const freshSightMs = 15_000;

/** How long ago the host was last heard, in milliseconds; undefined when it never was. */
export function useSilence(host: string, lastContactAt: string | null): number | undefined {
  return useAge(useHeard(host), lastContactAt);
}

/** How long ago the host last saw what its domains do, in milliseconds; undefined when it never did. */
export function useSightAge(host: string, seenAt: string | null): number | undefined {
  return useAge(useSaw(host), seenAt);
}

function useAge(told: number | undefined, answered: string | null): number | undefined {
  const now = useNow();
  const at = Math.max(told ?? 0, answered === null ? 0 : Date.parse(answered));
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
