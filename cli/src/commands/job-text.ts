// A job as a person wants to read it: in a table of many, and alone.
import {
  type CancelReply,
  type CleanReply,
  finalStatuses,
  type JobDetail,
  type JobView,
  type LeftoverView,
} from "@convirt/contract/job";
import { ago, duration, plain, size, table } from "../output.js";

export function jobTable(jobs: readonly JobView[]): string {
  return table(
    ["ID", "STATUS", "PHASE", "IMAGE", "HOST", "VM", "AGE", "TOOK"],
    jobs.map((one) => [
      one.id,
      one.status + (one.contactLostSince === null ? "" : ` (contact lost ${ago(one.contactLostSince)})`),
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
    lines.push(
      `  Contact with ${job.host} lost since ${job.contactLostSince} (${ago(job.contactLostSince)}); the job may go on there.`,
    );
  if (job.hostContact === "removed") lines.push(`  Host ${job.host} was removed from the controller.`);
  if (job.message !== null) lines.push(`  ${job.message}${job.code === null ? "" : ` [${job.code}]`}`);
  for (const phase of job.phases)
    lines.push(
      `  ${phase.phase.padEnd(8)}${phase.durationMs === null ? (finalStatuses.has(job.status) ? "not finished" : "under way") : duration(phase.durationMs / 1000)}`,
    );
  for (const proof of job.proofs)
    lines.push(`  ${proof.holds ? "proven " : "MISSING"} ${proof.subject}: ${proof.found}`);
  for (const disk of job.disks)
    lines.push(`  disk    ${disk.device} ${disk.format} ${size(disk.bytes)} ${disk.target}`);
  if (job.vmConfigPath !== null) lines.push(`  config  ${job.vmConfigPath}`);
  for (const leftover of job.leftovers) lines.push(`  left behind  ${leftoverText(leftover)}`);
  for (const gone of job.cleaned) lines.push(`  cleaned      ${leftoverText(gone)}, by ${gone.by} ${ago(gone.at)}`);
  if (job.leftovers.length > 0) lines.push(`  Clean it: convirt job clean ${job.id}`);
  const cut = job.logCut ? ", cut at the host's limit" : "";
  lines.push(
    `  log     ${size(job.logBytes)}${cut}${job.logSha256 === null ? "" : `, SHA-256 ${job.logSha256}`}: convirt job logs ${job.id}`,
  );
  if (job.logFault !== null) lines.push(`  FAULT   ${job.logFault}`);
  return lines.map(plain).join("\n");
}

function leftoverText({ kind, path, bytes, detail }: LeftoverView): string {
  return `${kind.replaceAll("_", " ")} ${path}${detail === "" ? "" : ` (${detail})`}${bytes > 0 ? `, ${size(bytes)}` : ""}`;
}

/** One of three things, and whether its host knows of it yet. */
export function cancelText({ outcome, hostTold, job }: CancelReply): string {
  const told = hostTold ? "" : ` ${job.host} is not in contact, and will be told as soon as it is.`;
  const words = {
    never_started: "The job never started.",
    asked_to_stop: `The job was asked to stop.${told}`,
    too_late: "The job cannot be stopped any more.",
  };
  return plain(`${words[outcome]} Status: ${job.status}.`);
}

export function cleanText({ cleaned, kept, job }: CleanReply): string {
  if (cleaned.length + kept.length === 0) return plain(`Nothing of the job is left on ${job.host}.`);
  return [
    ...cleaned.map((each) => `cleaned  ${leftoverText(each)}`),
    ...kept.map((each) => `kept     ${leftoverText(each)}: ${each.message} [${each.code}]`),
  ]
    .map(plain)
    .join("\n");
}
