import type { JobDetail } from "@convirt/contract/job";
import { useQuery } from "@tanstack/react-query";
import { send } from "../api/client";
import { piecesOf } from "../log/ansi";
import { Comparison } from "../parts/Comparison";
import { Skeletons } from "../parts/Skeletons";
import { bytesOf } from "../parts/sizes";
import { Thing } from "../parts/Thing";

/** More of two logs side by side is not read by anybody, and would be slow to compare. */
const mostBytes = 128 * 1024;
const longestLine = 2_000;

/** How the logs part; of long ones the end, where a failure stands. */
export function LogComparison({ one, other }: { one: JobDetail; other: JobDetail }) {
  const logs = useQuery({
    queryKey: ["logs", one.id, one.logBytes, other.id, other.logBytes],
    queryFn: ({ signal }) => Promise.all([endOf(one, signal), endOf(other, signal)]),
  });
  const isCut = Math.max(one.logBytes, other.logBytes) > mostBytes;
  return (
    <Thing query={logs} act="Cannot read the logs" skeleton={<Skeletons lines={6} />}>
      {([before, after]) => (
        <>
          {isCut && (
            <p className="cv-quiet">
              The last {bytesOf(mostBytes)} of each are compared, of {bytesOf(one.logBytes)} and{" "}
              {bytesOf(other.logBytes)}.
            </p>
          )}
          {before === after ? (
            <p className="cv-quiet">{before === "" ? "Neither has written a log." : "Both have written the same."}</p>
          ) : (
            <Comparison
              title={`${one.vm} · ${other.vm}`}
              label="What differs in the logs"
              sides={[`Log of ${one.vm}`, `Log of ${other.vm}`]}
              before={before}
              after={after}
            />
          )}
        </>
      )}
    </Thing>
  );
}

/** The last bytes of the log, as plain text. */
async function endOf({ id, logBytes }: JobDetail, signal: AbortSignal): Promise<string> {
  if (logBytes === 0) return "";
  const offset = Math.max(0, logBytes - mostBytes);
  const response = await send("GET /jobs/:id/log", { params: { id }, query: { offset, limit: mostBytes }, signal });
  const lines = (await response.text()).split("\n");
  // The first line of a part is the rest of one.
  return (offset === 0 ? lines : lines.slice(1))
    .map((line) =>
      piecesOf(line.slice(0, longestLine))
        .map(({ text }) => text)
        .join(""),
    )
    .join("\n");
}
