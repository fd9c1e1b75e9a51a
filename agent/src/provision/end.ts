// What is found, kept and cleaned when a job has come to its end, and what of it is told.
import { setTimeout as delay } from "node:timers/promises";
import type { Leftover, ProvisionSpec } from "@convirt/proto/provision";
import { diskTrouble } from "../disk/durable.js";
import type { KeptSecrets } from "../leftovers/kept-secrets.js";
import type { Leftovers } from "../leftovers/leftovers.js";
import type { Left } from "../leftovers/record.js";
import type { Log } from "../log.js";
import { shellLine } from "../process/acts.js";
import { deadline } from "../process/deadline.js";
import type { Script } from "../script/script.js";
import type { Toolstack } from "../toolstack/toolstack.js";
import type { Journal } from "./journal.js";
import { footprintOf, type Plan } from "./plan.js";

const leftoverLimitMs = 60_000;
const cleanLimitMs = 120_000;
/** A disk that takes nothing is tried again so often. */
const retryMs = 1_000;

/** A job, as far as its end is concerned. */
export interface Ending {
  spec: ProvisionSpec;
  journal: Journal;
  deps: { leftovers: Leftovers; secrets: KeptSecrets; toolstack: Toolstack; log: Log };
  /** The agent lets go of the job. */
  detach: AbortSignal;
}

/** One whose script was launched. */
export interface Begun extends Ending {
  plan: Plan;
  script: Script;
}

interface Found {
  left: Left[];
  cleaned: Left[];
}

export const nothingLeft: Found = { left: [], cleaned: [] };

/** What is new since before the script, kept so that it can be cleaned; cleaned at once where the job is to be and has not succeeded. */
export async function leftBy(job: Begun, succeeded: boolean): Promise<Found> {
  const { spec, deps, detach } = job;
  const { leftovers, secrets, log } = deps;
  const footprint = footprintOf(spec, job.plan);
  const { vmUuid, configPath } = footprint;
  await untilWritten(job, () => secrets.keep({ vmUuid, configPath, secrets: spec.secrets }));
  const before = beforeOf(job);
  if (before === undefined) return nothingLeft;
  const { signal, done } = deadline(leftoverLimitMs, detach);
  const { runnerSession } = job.script;
  const left = await leftovers
    .find(footprint, before, { runnerSession, succeeded, signal })
    .catch((error: unknown) => {
      detach.throwIfAborted();
      // The job ends all the same; what it left is then for people to find.
      log.error("Cannot look for what a job left", { jobId: spec.jobId, error });
      return [];
    })
    .finally(done);
  await untilWritten(job, () => leftovers.keep(footprint, left));
  if (succeeded || !spec.cleanOnFailure || left.length === 0) return { left, cleaned: [] };
  const { removed, remaining } = await leftovers.clean(spec.jobId, [], AbortSignal.timeout(cleanLimitMs));
  return { left: remaining.map((one) => one.left), cleaned: removed };
}

/** What was there before the script; undefined when nobody can know any more, and so nothing can be said to be new. */
function beforeOf({ spec, journal, deps }: Ending): Set<string> | undefined {
  try {
    return new Set(JSON.parse(journal.get("before") ?? "[]") as string[]);
  } catch (error) {
    deps.log.error("Cannot read what was there before a job", { jobId: spec.jobId, error });
    return undefined;
  }
}

/** What was begun on this host, by the journal. */
export function commandsOf({ journal, deps, plan, script }: Begun): string[] {
  const create = [deps.toolstack.name, "create", plan.vmConfigPath];
  const isCreated = journal.get("creating") !== undefined;
  return [script.command, ...(isCreated ? [create] : [])].map(shellLine);
}

/** Of a job of which nothing is left. What a disk does not take now is done at the agent's next start. */
export function forgetSecrets({ spec, deps }: Ending): void {
  try {
    deps.secrets.settle(spec.vmUuid);
  } catch (error) {
    deps.log.warn("the secrets of a job cannot be forgotten yet", { jobId: spec.jobId, error });
  }
}

/** What a full disk does not take is written as soon as it does: the job waits and loses nothing. */
export async function untilWritten({ spec, deps, detach }: Ending, write: () => void): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      return write();
    } catch (error) {
      const why = diskTrouble(error);
      if (why === undefined) throw error;
      if (tries === 0) deps.log.warn("the journal of a job cannot be written; trying on", { jobId: spec.jobId, why });
      await delay(retryMs, undefined, { signal: detach });
    }
  }
}

export function toWire(left: Left): Leftover {
  return { kind: left.kind, path: left.path, bytes: BigInt(left.bytes), detail: left.detail };
}
