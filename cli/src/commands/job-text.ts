// A job as a person wants to read it: in a table of many, and alone.
import { finalStatuses, type JobDetail, type JobView } from "@convirt/contract/job";
import { ago, duration, plain, size, table } from "../output.js";

export function jobTable(jobs: readonly JobView[]): string {
  return table(
    ["ID", "STATUS", "PHASE", "IMAGE", "HOST", "VM", "AGE", "TOOK"],
    jobs.map((one) => [
      one.id,
      one.status + (one.contactLostSince === null ? "" : " (contact lost)"),
      one.phase,
      one.image,
      one.host,
      one.vm,
      ago(one.createdAt),
      took(one),
    ]),
  );
}

function took(job: JobView): string | null {
  if (job.startedAt === null) return null;
  const end = job.endedAt === null ? Date.now() : Date.parse(job.endedAt);
  return duration((end - Date.parse(job.startedAt)) / 1000);
}

/** All that is known of a job, as a person wants to read it: what was asked, how far it came, why it ended, what is proven, what is left. */
export function jobText(job: JobDetail): string {
  const lines = [
    `Job ${job.id}: ${job.status}${finalStatuses.has(job.status) ? "" : ` (${job.phase ?? "not begun"})`}`,
    `  VM "${job.vm}" from image "${job.image}" on ${job.host}, asked for by ${job.requestedBy} ${ago(job.createdAt)}${job.reason === null ? "" : `: ${job.reason}`}`,
  ];
  if (job.retryOf !== null) lines.push(`  Retry of ${job.retryOf}`);
  if (job.contactLostSince !== null)
    lines.push(`  Contact with ${job.host} lost since ${job.contactLostSince}; the job may go on there.`);
  if (job.message !== null) lines.push(`  ${job.message}${job.code === null ? "" : ` [${job.code}]`}`);
  for (const phase of job.phases)
    lines.push(
      `  ${phase.phase.padEnd(8)}${phase.durationMs === null ? "under way" : duration(phase.durationMs / 1000)}`,
    );
  for (const proof of job.proofs)
    lines.push(`  ${proof.holds ? "proven " : "MISSING"} ${proof.subject}: ${proof.found}`);
  for (const disk of job.disks)
    lines.push(`  disk    ${disk.device} ${disk.format} ${size(disk.bytes)} ${disk.target}`);
  if (job.vmConfigPath !== null) lines.push(`  config  ${job.vmConfigPath}`);
  for (const leftover of job.leftovers)
    lines.push(`  left behind: ${leftover.kind} ${leftover.path} (${size(leftover.bytes)})`);
  lines.push(
    `  log     ${size(job.logBytes)}${job.logSha256 === null ? "" : `, SHA-256 ${job.logSha256}`}: convirt job logs ${job.id}`,
  );
  return lines.map(plain).join("\n");
}
