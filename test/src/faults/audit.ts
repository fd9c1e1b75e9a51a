// After the faults: what every job came to, compared in the three places where its log is (the host's file, the controller's record, what a client saw), and with
// what the script says of itself. Every figure but the first should be 0.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { JobDetail, JobStatus } from "@convirt/contract/job";
import type { Ground, Requested } from "./ground.js";
import type { Seen } from "./listener.js";

export interface Audit {
  jobs: number;
  scriptsRunTwice: number;
  scriptsNotRun: number;
  createsTwice: number;
  bytesLost: number;
  bytesDoubled: number;
  /** Jobs whose three logs and closing SHA-256 are not all the same, or not what the script should have printed. */
  logsThatDiffer: number;
  jobsNotEndedRight: number;
  eventsLost: number;
  eventsDoubled: number;
}

export interface Expected {
  status: JobStatus;
  /** What the script prints. */
  text?: (job: Requested) => string;
  runs?: number;
  creates?: number;
}

export interface Outcome {
  audit: Audit;
  /** What was not as it should be, for people. */
  complaints: string[];
}

export const clean: Omit<Audit, "jobs"> = {
  scriptsRunTwice: 0,
  scriptsNotRun: 0,
  createsTwice: 0,
  bytesLost: 0,
  bytesDoubled: 0,
  logsThatDiffer: 0,
  jobsNotEndedRight: 0,
  eventsLost: 0,
  eventsDoubled: 0,
};

export async function audit(
  ground: Ground,
  jobs: readonly { job: Requested; seen?: Seen; expected: Expected }[],
): Promise<Outcome> {
  const outcome: Outcome = { audit: { jobs: jobs.length, ...clean }, complaints: [] };
  for (const { job, seen, expected } of jobs) {
    const detail = await ground.client.call("showJob", { params: { id: job.id } });
    ofEnd(outcome, ground, { job, detail, expected });
    await ofLog(outcome, ground, { job, detail, seen, expected });
  }
  return outcome;
}

function ofEnd(
  { audit, complaints }: Outcome,
  ground: Ground,
  { job, detail, expected }: { job: Requested; detail: JobDetail; expected: Expected },
): void {
  const runs = ground.runs(job);
  const { runs: wanted = 1, creates = 0 } = expected;
  if (runs > wanted) audit.scriptsRunTwice += runs - wanted;
  if (runs < wanted) audit.scriptsNotRun += wanted - runs;
  const created = ground.creates(job);
  if (created > creates) audit.createsTwice += created - creates;
  if (detail.status !== expected.status) audit.jobsNotEndedRight += 1;
  if (runs !== wanted || created !== creates || detail.status !== expected.status)
    complaints.push(
      `${job.host}/${job.vm} ${job.id}: ${detail.status} (${expected.status} wanted) ${detail.code ?? ""} ${detail.message ?? ""}; ${runs} runs, ${created} creates`,
    );
}

async function ofLog(
  { audit, complaints }: Outcome,
  ground: Ground,
  { job, detail, seen, expected }: { job: Requested; detail: JobDetail; seen: Seen | undefined; expected: Expected },
): Promise<void> {
  const host = readFileSync(ground.logFile(job));
  const stored = await ground.client.log(job.id);
  const wanted = expected.text === undefined ? host : Buffer.from(expected.text(job));
  const lengths = [host.length, stored.length, ...(seen === undefined ? [] : [seen.bytes])];
  for (const length of lengths) {
    audit.bytesLost += Math.max(0, wanted.length - length);
    audit.bytesDoubled += Math.max(0, length - wanted.length);
  }
  const sums = [sha256(host), sha256(stored), detail.logSha256 ?? "", ...(seen === undefined ? [] : [seen.sha256])];
  if (sums.some((sum) => sum !== sha256(wanted))) {
    audit.logsThatDiffer += 1;
    complaints.push(
      `${job.host}/${job.vm} ${job.id}: ${wanted.length} bytes wanted; host, record, client: ${lengths.join(", ")}`,
    );
  }
  if (seen === undefined) return;
  audit.eventsLost += seen.eventsLost;
  audit.eventsDoubled += seen.eventsDoubled;
  if (seen.eventsLost + seen.eventsDoubled + seen.bytesMisplaced > 0)
    complaints.push(`${job.host}/${job.vm} ${job.id}: the client saw ${JSON.stringify(seen)}`);
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
