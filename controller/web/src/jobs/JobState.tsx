import type { JobView } from "@convirt/contract/job";
import { Status } from "../parts/Status";
import { jobWords, phaseWords } from "../parts/words";

/** The status of a job, with the phase it is in or ended in. */
export function JobState({ job }: { job: Pick<JobView, "status" | "phase" | "contactLostSince"> }) {
  const { word, tone } = jobWords[job.status];
  if (job.contactLostSince !== null) return <Status tone="look">{word}, contact lost</Status>;
  const phase = job.phase === null ? "" : phaseWords[job.phase].word.toLowerCase();
  const where =
    phase === "" ? "" : job.status === "running" ? `: ${phase}` : job.status === "failed" ? ` in ${phase}` : "";
  return (
    <Status tone={tone}>
      {word}
      {where}
    </Status>
  );
}
