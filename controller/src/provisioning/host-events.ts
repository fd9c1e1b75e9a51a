// What a host's events say, put into a job's record: pure changes of the record, and the entries that tell of them.
import type { JobPhase } from "@convirt/contract/job";
import { type Ended, type JobEvent as HostEvent, type Leftover, Outcome, Phase } from "@convirt/proto/provision";
import type { JobEntity, StoredLeftover } from "./job.entity.js";
import type { Entry } from "./job-events.js";
import type { FinalStatus } from "./job-state.js";

const outcomes: Partial<Record<Outcome, FinalStatus>> = {
  [Outcome.SUCCEEDED]: "succeeded",
  [Outcome.FAILED]: "failed",
  [Outcome.CANCELLED]: "cancelled",
  [Outcome.LOST]: "lost",
};

const phases: Partial<Record<Phase, JobPhase>> = {
  [Phase.CHECK]: "check",
  [Phase.STAGE]: "stage",
  [Phase.SCRIPT]: "script",
  [Phase.PROVE]: "prove",
  [Phase.START]: "start",
};

/** Our name of the host's phase; undefined for one that this version does not know. */
export function phaseOf(phase: Phase): JobPhase | undefined {
  return phases[phase];
}

/** Of every event but log bytes and the end, which need the database. An event of a newer agent counts by its sequence; its meaning is not known here. */
export function applyEvent(job: JobEntity, { at, event }: HostEvent): Entry[] {
  switch (event?.$case) {
    case "phaseStarted": {
      const phase = phaseOf(event.value.phase);
      if (phase === undefined) return [];
      job.phase = phase;
      job.phases = [...job.phases, { phase, startedAt: new Date(at).toISOString(), durationMs: null }];
      return [{ kind: "phase_started", phase }];
    }
    case "phaseEnded": {
      const phase = phaseOf(event.value.phase);
      if (phase === undefined) return [];
      const durationMs = Number(event.value.durationMs);
      job.staging = null;
      job.phases = job.phases.map((each) => (each.phase === phase ? { ...each, durationMs } : each));
      return [{ kind: "phase_ended", phase, durationMs }];
    }
    case "stagingNeeded":
      job.staging = event.value.trees.map(({ name, digest, bytes }) => ({ name, digest, bytes: Number(bytes) }));
      return [];
    case "note":
      return [{ kind: "note", phase: phaseOf(event.value.phase) ?? job.phase ?? "check", text: event.value.text }];
    default:
      return [];
  }
}

/** What the end says beside the status, which `statusOf` reads. Tells what was cleaned at once, if anything was. */
export function applyEnded(job: JobEntity, ended: Ended): Entry[] {
  job.logSha256 = ended.logSha256 === "" ? null : ended.logSha256;
  job.exitCode = ended.exitCode < 0 ? null : ended.exitCode;
  job.proofs = ended.proofs.map(({ subject, holds, found }) => ({ subject, holds, found }));
  job.logCut = ended.logCut;
  job.leftovers = ended.leftovers.map(toLeftover);
  job.disks = ended.disks.map((disk) => ({ ...disk, bytes: Number(disk.bytes) }));
  job.vmConfigPath = ended.vmConfigPath === "" ? null : ended.vmConfigPath;
  job.vmConfig = ended.vmConfig === "" ? null : ended.vmConfig;
  if (ended.cleaned.length === 0) return [];
  const cleaned = ended.cleaned.map(toLeftover);
  const at = new Date().toISOString();
  job.cleaned = cleaned.map((each) => ({ ...each, at, by: job.requestedBy }));
  return [{ kind: "cleaned", by: job.requestedBy, cleaned, kept: [] }];
}

export function toLeftover({ kind, path, bytes, detail }: Leftover): StoredLeftover {
  return { kind, path, bytes: Number(bytes), detail };
}

/** Those that are not among `others`. Two may have one name, when what told them apart was a secret: each of the others stands for one. */
export function without(all: readonly StoredLeftover[], others: readonly StoredLeftover[]): StoredLeftover[] {
  const left = others.map(nameOf);
  return all.filter((one) => {
    const at = left.indexOf(nameOf(one));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function nameOf({ kind, path }: StoredLeftover): string {
  return `${kind} ${path}`;
}

/** An outcome that this version does not know is not a success. */
export function statusOf(ended: Ended): FinalStatus {
  return outcomes[ended.outcome] ?? "failed";
}
