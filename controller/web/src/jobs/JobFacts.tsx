import type { JobDetail } from "@convirt/contract/job";
import { Facts } from "../parts/Facts";
import { Moment } from "../parts/Time";
import { Took } from "./Jobs";

/** What was asked for, and the numbers of the job. */
export function JobFacts({ job }: { job: JobDetail }) {
  const { request } = job;
  const values = [...Object.entries(request.imageConf ?? {}), ...Object.entries(request.vmConf ?? {})];
  return (
    <div className="cv-columns">
      <Facts
        title="Asked for"
        facts={[
          ["Image", job.image],
          ["Version", <code key="version">{job.imageVersion.slice(0, 12)}</code>],
          ["Host", job.host],
          ["Start when proven", job.start ? "Yes" : "No"],
          ["Overwrite disks", request.replaceDisks ? "Yes" : "No"],
          [
            "Longest script",
            request.timeoutSeconds === undefined ? "as the image says" : `${request.timeoutSeconds} s`,
          ],
          ["Reason", job.reason ?? ""],
        ]}
      />
      <Facts
        title="Values given"
        facts={
          values.length === 0
            ? [["None", "The image's own values were taken"]]
            : values.map(
                ([name, value]) =>
                  [name, <code key={name}>{typeof value === "string" ? value : JSON.stringify(value)}</code>] as const,
              )
        }
      />
      <Facts
        title="When"
        facts={[
          ["Asked", <Moment key="asked" at={job.createdAt} />],
          ["Began", job.startedAt === null ? "not yet" : <Moment key="began" at={job.startedAt} />],
          ["Ended", job.endedAt === null ? "not yet" : <Moment key="ended" at={job.endedAt} />],
          ["Took", <Took key="took" job={job} />],
          ["Job", <code key="id">{job.id}</code>],
          ["Log's SHA-256", job.logSha256 === null ? "" : <code key="sha">{job.logSha256.slice(0, 16)}…</code>],
        ]}
      />
    </div>
  );
}
