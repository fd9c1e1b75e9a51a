import type { JobDetail, JobPhase } from "@convirt/contract/job";
import { finalStatuses } from "@convirt/contract/status";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import CircleIcon from "@patternfly/react-icons/dist/esm/icons/circle-icon";
import ExclamationCircleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import InProgressIcon from "@patternfly/react-icons/dist/esm/icons/in-progress-icon";
import type { ReactNode } from "react";
import { bytesOf } from "../parts/sizes";
import { Elapsed, spanOf } from "../parts/Time";
import { phases, phaseWords } from "../parts/words";

type State = "done" | "now" | "failed" | "ahead" | "never";
const icons = {
  done: CheckCircleIcon,
  now: InProgressIcon,
  failed: ExclamationCircleIcon,
  ahead: CircleIcon,
  never: CircleIcon,
};
const stateWords: Record<State, string> = {
  done: "done",
  now: "under way",
  failed: "failed",
  ahead: "to come",
  never: "not reached",
};

interface Props {
  job: JobDetail;
  staging: { bytesSent: number; bytesTotal: number } | null;
}

/** The phases from left to right, each with its time. */
export function Timeline({ job, staging }: Props) {
  const wanted = phases.filter((phase) => phase !== "start" || job.start);
  return (
    <ol className="cv-timeline" aria-label="Phases">
      {wanted.map((phase) => {
        const state = stateOf(job, phase);
        const Icon = icons[state];
        return (
          <li key={phase} data-state={state}>
            <Icon className="cv-timeline-icon" />
            <div>
              <div className="cv-timeline-word">
                {phaseWords[phase].word} <span className="pf-v6-screen-reader">{stateWords[state]}</span>
              </div>
              <div className="cv-timeline-more">{moreOf(job, phase, state, staging)}</div>
            </div>
          </li>
        );
      })}
    </ol>
  );
}

function stateOf(job: JobDetail, phase: JobPhase): State {
  const known = job.phases.find((each) => each.phase === phase);
  const isOver = finalStatuses.has(job.status);
  if (known === undefined) return isOver ? "never" : "ahead";
  if (isOver && job.status !== "succeeded" && job.phase === phase) return "failed";
  return known.durationMs === null && !isOver ? "now" : "done";
}

function moreOf(job: JobDetail, phase: JobPhase, state: State, staging: Props["staging"]): ReactNode {
  const known = job.phases.find((each) => each.phase === phase);
  if (known === undefined) return state === "never" ? "not reached" : "";
  // A phase in which the job ended has no end of its own.
  const tookMs =
    known.durationMs ?? (job.endedAt === null ? null : Date.parse(job.endedAt) - Date.parse(known.startedAt));
  const time = tookMs === null ? state === "now" && <Elapsed since={known.startedAt} /> : spanOf(tookMs);
  if (phase !== "stage" || staging === null) return time;
  const rate =
    known.durationMs !== null && known.durationMs > 0
      ? `, ${bytesOf((staging.bytesSent / known.durationMs) * 1000)}/s`
      : "";
  const sent =
    staging.bytesSent < staging.bytesTotal
      ? `${bytesOf(staging.bytesSent)} of ${bytesOf(staging.bytesTotal)}`
      : bytesOf(staging.bytesSent);
  return (
    <>
      {time}, {sent}
      {rate}
    </>
  );
}
