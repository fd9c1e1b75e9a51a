// The life of a job, as the controller knows it. Every change of a job's status goes through `transition`; a final status never changes.
//
//   queued ──dispatch──▶ running ──ended──▶ succeeded | failed | cancelled | lost
//     │                     │                    ▲
//     │                  cancel                  │
//     │                     ▼                    │
//     │                 cancelling ────ended─────┘   (a job that was asked to stop may still end well)
//     ├──cancel──▶ cancelled   (never started)
//     └──refuse──▶ failed      (its host went away for ever before it began)
import type { JobStatus } from "@convirt/contract/job";

/** The four ways in which a job can end. */
export type FinalStatus = Extract<JobStatus, "succeeded" | "failed" | "cancelled" | "lost">;

/** What can happen to a job. `ended` carries what its host, or the lack of it, says of the end. */
export type JobAct =
  | { act: "dispatch" }
  | { act: "cancel" }
  | { act: "refuse" }
  | { act: "ended"; status: FinalStatus };

const finals: ReadonlySet<JobStatus> = new Set<JobStatus>(["succeeded", "failed", "cancelled", "lost"]);

/** True of a status that never changes again. */
export function isFinal(status: JobStatus): status is FinalStatus {
  return finals.has(status);
}

/** The status after `act`, or undefined where the act has no meaning: the caller then leaves the job as it is. */
export function transition(from: JobStatus, act: JobAct): JobStatus | undefined {
  switch (from) {
    case "queued":
      if (act.act === "dispatch") return "running";
      if (act.act === "cancel") return "cancelled";
      return act.act === "refuse" ? "failed" : undefined;
    case "running":
      if (act.act === "cancel") return "cancelling";
      if (act.act === "refuse") return "failed";
      return act.act === "ended" ? act.status : undefined;
    case "cancelling":
      if (act.act === "refuse") return "failed";
      return act.act === "ended" ? act.status : undefined;
    case "succeeded":
    case "failed":
    case "cancelled":
    case "lost":
      return undefined;
  }
}
