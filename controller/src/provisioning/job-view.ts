// A job as it is answered: its record, beside whether its host is in contact at this moment.
import type { JobDetail, JobView } from "@convirt/contract/job";
import type { Contact } from "../agents/agents.service.js";
import type { JobEntity } from "./job.entity.js";
import { isFinal } from "./job-state.js";

/** What a list reads of a job: the rest may be long. */
export const listedColumns = {
  ...{ id: true, number: true, status: true, phase: true, image: true, imageVersion: true, hostId: true, host: true },
  ...{ vm: true, vmUuid: true, start: true, requestedBy: true, reason: true, retryOf: true },
  ...{ createdAt: true, startedAt: true, endedAt: true, code: true, message: true, exitCode: true },
  ...{ logBytes: true, logSha256: true, logFault: true, logCut: true },
} as const;
export type ListedJob = Pick<JobEntity, keyof typeof listedColumns>;

export function toJobView(job: ListedJob, host: Contact): JobView {
  const { id, status, phase, image, imageVersion, vm, vmUuid, start, requestedBy, reason, retryOf } = job;
  const { createdAt, startedAt, endedAt, code, message, exitCode, logBytes, logSha256, logFault, logCut } = job;
  return {
    ...{ id, status, phase, image, imageVersion, host: job.host, vm, vmUuid, start, requestedBy, reason, retryOf },
    ...{ createdAt, startedAt, endedAt, code, message, exitCode, logBytes, logSha256, logFault, logCut },
    hostContact: host.contact,
    contactLostSince: isFinal(status) ? null : host.since,
  };
}

export function toJobDetail(job: JobEntity, host: Contact): Omit<JobDetail, "staging" | "notes"> {
  const { request, phases, proofs, leftovers, cleaned, disks, vmConfigPath, vmConfig, lastSequence } = job;
  const made = { proofs, leftovers, cleaned, disks, vmConfigPath, vmConfig };
  const secretNames = job.secretNames ?? { imageConf: [], vmConf: [] };
  return { ...toJobView(job, host), request, secretNames, phases, ...made, lastSequence };
}
