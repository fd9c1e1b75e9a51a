// What differs between two jobs, as rows of words.
import type { JobDetail } from "@convirt/contract/job";
import { spanOf } from "../parts/Time";
import { valueText } from "../parts/values";
import { jobWords, phases, phaseWords } from "../parts/words";

export interface Row {
  name: string;
  one: string;
  other: string;
}

export interface Differences {
  /** What became of each. */
  facts: Row[];
  /** Only what differs. */
  asked: Row[];
  phases: Row[];
}

const absent = "–";

export function differences(one: JobDetail, other: JobDetail): Differences {
  const row = (name: string, read: (job: JobDetail) => string): Row => ({ name, one: read(one), other: read(other) });
  const facts = [
    row("Ended as", outcomeOf),
    row("Exit code of the script", ({ exitCode }) => (exitCode === null ? absent : String(exitCode))),
    row("Asked by", ({ requestedBy }) => requestedBy),
    row("Left on the host", ({ leftovers, status }) => (status === "succeeded" ? absent : String(leftovers.length))),
  ];
  const names = new Set([one, other].flatMap((job) => Object.keys(valuesOf(job))));
  const asked = [
    row("Image", ({ image }) => image),
    row("Version of the image", ({ imageVersion }) => imageVersion.slice(0, 12)),
    row("Host", ({ host }) => host),
    row("VM", ({ vm }) => vm),
    row("Start when proven", ({ start }) => (start ? "yes" : "no")),
    row("Overwrite disks", ({ request }) => (request.replaceDisks ? "yes" : "no")),
    ...[...names].sort().map((name) => row(name, (job) => valuesOf(job)[name] ?? "the image's own")),
  ].filter((each) => each.one !== each.other);
  return {
    facts,
    asked,
    phases: phases
      .map((phase) => row(phaseWords[phase].word, (job) => timeOf(job, phase)))
      .filter((each) => each.one !== absent || each.other !== absent),
  };
}

function outcomeOf({ status, message, phase }: JobDetail): string {
  const { word } = jobWords[status];
  if (status === "succeeded" || message === null) return word;
  return `${word}${phase === null ? "" : ` in ${phase}`}: ${message}`;
}

function valuesOf({ request, secretNames }: JobDetail): Record<string, string> {
  const plain = [...Object.entries(request.imageConf), ...Object.entries(request.vmConf)];
  const secret = [...secretNames.imageConf, ...secretNames.vmConf];
  return Object.fromEntries([
    ...plain.map(([name, value]) => [name, valueText(value)]),
    ...secret.map((name) => [name, "secret, not kept"]),
  ]) as Record<string, string>;
}

function timeOf(job: JobDetail, phase: JobDetail["phases"][number]["phase"]): string {
  const known = job.phases.find((each) => each.phase === phase);
  if (known === undefined) return absent;
  if (known.durationMs !== null) return spanOf(known.durationMs);
  return job.endedAt === null ? "under way" : spanOf(Date.parse(job.endedAt) - Date.parse(known.startedAt));
}
