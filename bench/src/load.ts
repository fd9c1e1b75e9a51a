// What one controller bears: 200 jobs at once over 20 agents that print 100,000 log lines a second in all, with the API read meanwhile; taking 200 running jobs up
// again after the controller was killed; and what a job's journal costs its host.
import { createHash, randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Journal } from "@convirt/agent/provision/journal";
import { finalStatuses } from "@convirt/contract/job";
import { Phase, type ProvisionSpec } from "@convirt/proto/provision";
import { bare, cpuSeconds, makePlace, type Place, residentMib } from "./place.js";
import { type Summary, summarise, timed } from "./statistics.js";

const agents = 20;
const jobsPerAgent = 10;
const jobs = agents * jobsPerAgent;
const linesPerSecond = 100_000;
const seconds = 15;
/** Each script prints a block of lines ten times a second, and forks nothing for it. */
const blocksPerSecond = 10;
const linesPerBlock = linesPerSecond / jobs / blocksPerSecond;
const endSpreadSeconds = 15;
const limitMs = 300_000;
const journals = 300;
/** One job in so many is followed by a client, as it is by a person. */
const watchedShare = 10;
const askAgainMs = 50;
const launchesAtOnce = 4;
const eventsOfJob = 12;
const spec: ProvisionSpec = {
  ...{ jobId: "", vmName: "web1", vmUuid: randomUUID(), image: "Tiny_Linux" },
  trees: ["Tiny_Linux", "common", "custom_scripts"].map((name) => ({ name, digest: "0".repeat(64), bytes: 10_000n })),
  ...{ imageConf: "a='b'\n".repeat(30), vmConf: "a='b'\n".repeat(20) },
  ...{ start: true, replaceDisks: false, timeoutMs: 0, cleanOnFailure: false, secrets: [] },
};

/**
 * All begin together when the gate opens; each sleeps until its next block is due, so that a late one catches up. They do not end all in one moment: a proof starts
 * a program, here 200 of them on the machine that is measured, and not one on each of so many hosts.
 */
const script = `#!/bin/bash
exec 9<> <(:)
block=
for ((i = 1; i <= ${linesPerBlock}; i++)); do
  printf -v line 'line %03d of a block of job %s\\n' "$i" "$CONVIRT_JOB_ID"
  block+=$line
done
echo ready
until [ -e "$CONVIRT_STORE/../../../gate" ]; do read -r -t 0.1 -u 9; done
start=\${EPOCHREALTIME/./}
for ((n = 1; n <= ${seconds * blocksPerSecond}; n++)); do
  printf '%s' "$block"
  left=$((start + n * ${1_000_000 / blocksPerSecond} - \${EPOCHREALTIME/./}))
  ((left > 0)) && printf -v wait '%d.%06d' $((left / 1000000)) $((left % 1000000)) && read -r -t "$wait" -u 9
done
echo done
printf -v wait '%d.%d' $((RANDOM % ${endSpreadSeconds})) $((RANDOM % 10))
read -r -t "$wait" -u 9
exit 0
`;
const linesOfJob = seconds * blocksPerSecond * linesPerBlock;
const bytesOfJob =
  linesOfJob * "line 001 of a block of job \n".length + linesOfJob * randomUUID().length + "ready\ndone\n".length;

/** Prints a line ten times a second until its gate opens. */
const waiting = `#!/bin/bash
exec 9<> <(:)
until [ -e "$CONVIRT_STORE/../../../end" ]; do
  echo waiting
  read -r -t 0.1 -u 9
done
`;

export async function load(): Promise<Record<string, Summary | number>> {
  const journal = await journalCost();
  const names = Array.from({ length: agents }, (_, index) => `xen${index + 1}`);
  const place = await makePlace([], { jobsPerHost: jobsPerAgent });
  try {
    await Promise.all(names.map((name) => place.installation.addHost(name, { jobs: jobsPerAgent })));
    await place.addImage("Loud", script);
    await place.addImage("Waiting", waiting);
    const printing = await underLoad(place, names);
    // The 200 proofs at the jobs' end may have kept the agents from their signs of life.
    await Promise.all(names.map((name) => place.installation.inContact(name)));
    const again = await takenUpAgain(place, names);
    return { load_average: loadavg()[0] ?? 0, journal_ms_per_job: journal, ...printing, ...again };
  } finally {
    await place.stop();
  }
}

async function underLoad(place: Place, names: readonly string[]): Promise<Record<string, Summary | number>> {
  const { client } = place.installation;
  const ids = await running(place, names, "Loud");
  const pid = place.installation.controllerPid;
  const cpu = cpuSeconds(pid);
  let peakMib = 0;
  const api: number[] = [];
  let over = false;
  writeFileSync(join(place.folder, "gate"), "");
  const started = performance.now();
  const reading = (async () => {
    for (let turn = 0; !over; turn += 1) {
      api.push(await timed(() => read(place, ids, turn)));
      peakMib = Math.max(peakMib, residentMib(pid));
      await delay(20);
    }
  })();
  const watching = Promise.all(ids.filter((_, index) => index % watchedShare === 0).map((id) => client.ended(id)));
  await untilAll("logs are stored", async () => (await logBytes(place)).every((bytes) => bytes === bytesOfJob));
  const took = (performance.now() - started) / 1000;
  const spent = cpuSeconds(pid) - cpu;
  over = true;
  await Promise.all([reading, watching, allEnded(place, ids)]);
  const ended = await Promise.all(ids.map((id) => client.call("showJob", { params: { id } })));
  let lost = 0;
  for (const job of ended) {
    const host = readFileSync(join(place.installation.host(job.host).folder, "logs/Loud", `Loud_${job.vm}.log`));
    const stored = await client.log(job.id);
    const lines = host.toString("latin1").split("\n").length - 1;
    if (job.status !== "succeeded" || lines !== linesOfJob + 2)
      throw new Error(`${job.vm} is ${job.status} with ${lines} lines: ${job.message}`);
    if (!stored.equals(host) || sha256(stored) !== job.logSha256) lost += 1;
  }
  if (lost > 0) throw new Error(`${lost} of ${jobs} logs are not what their hosts have`);
  return {
    jobs,
    agents,
    lines: seconds * linesPerSecond,
    logs_that_differ: lost,
    seconds_to_print: seconds,
    seconds_until_all_stored: took,
    lines_per_second: (seconds * linesPerSecond) / took,
    api_read_ms: summarise(api),
    api_read_p99_ms: quantile(api, 0.99),
    controller_cpu_seconds: spent,
    controller_peak_mib: peakMib,
  };
}

/** What a person's screens ask for, in turn. */
async function read(place: Place, ids: readonly string[], turn: number): Promise<void> {
  const { client } = place.installation;
  const id = ids[turn % ids.length] ?? "";
  switch (turn % 4) {
    case 0:
      await client.call("listJobs", { query: { perPage: 50 } });
      return;
    case 1:
      await client.call("showJob", { params: { id } });
      return;
    case 2:
      await client.call("listHosts");
      return;
    default:
      await client.call("listVms", { query: { perPage: 50 } });
  }
}

async function takenUpAgain(place: Place, names: readonly string[]): Promise<Record<string, number>> {
  const { installation } = place;
  const ids = await running(place, names, "Waiting");
  const mine = new Set(ids);
  await installation.stopController("SIGKILL");
  const killed = await delay(500).then(() => performance.now());
  await installation.startController();
  const ready = performance.now();
  const before = await logBytes(place, mine);
  await untilAll("jobs go on", async () => {
    const now = await logBytes(place, mine);
    return now.length === jobs && now.every((bytes, index) => bytes > (before[index] ?? 0));
  });
  const attached = performance.now();
  writeFileSync(join(place.folder, "end"), "");
  await allEnded(place, ids);
  return {
    attached_again_ms_after_ready: attached - ready,
    attached_again_ms_after_start: attached - killed,
  };
}

/**
 * All jobs, each with a script that has printed its first line. A few at a time: here all hosts share one machine's processors, and so many launches at once would
 * starve their agents until they count as silent.
 */
async function running(place: Place, names: readonly string[], image: string): Promise<string[]> {
  const wanted = Array.from({ length: jobs }, (_, index) => ({
    host: names[index % agents] ?? "",
    vm: `${image.toLowerCase()}-${index}`,
  }));
  const ids: string[] = [];
  for (let from = 0; from < jobs; from += launchesAtOnce) {
    const asked = wanted
      .slice(from, from + launchesAtOnce)
      .map(({ host, vm }) => place.installation.client.call("provision", { body: bare(place, image, host, vm) }));
    const few = new Set((await Promise.all(asked)).map((job) => job.id));
    await untilAll("scripts run", async () => (await logBytes(place, few)).every((bytes) => bytes > 0));
    ids.push(...few);
  }
  return ids;
}

/** Stored bytes of all jobs' logs, or of these, in an order that stays. */
async function logBytes(place: Place, only?: ReadonlySet<string>): Promise<number[]> {
  const { items } = await place.installation.client.call("listJobs", { query: { perPage: 200, sort: "-createdAt" } });
  return items
    .filter((job) => only === undefined || only.has(job.id))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((job) => job.logBytes);
}

/** By asking for the list: 200 streams of events would measure the one who asks. */
async function allEnded(place: Place, ids: readonly string[]): Promise<void> {
  const mine = new Set(ids);
  await untilAll("are over", async () => {
    const { items } = await place.installation.client.call("listJobs", { query: { perPage: 200, sort: "-createdAt" } });
    return items.filter((job) => mine.has(job.id)).every((job) => finalStatuses.has(job.status));
  });
}

async function untilAll(what: string, holds: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > until) throw new Error(`Not all ${jobs} ${what} after ${limitMs / 1000} s`);
    await delay(askAgainMs);
  }
}

/** What a job's journal does on this machine's disk, from its creation to its end: the spec, the notes of launch and start, twelve events, all on the disk. */
async function journalCost(): Promise<Summary> {
  const folder = mkdtempSync(join(tmpdir(), "convirt-bench-journal-"));
  try {
    const took: number[] = [];
    for (let run = 0; run < journals; run += 1) took.push(await timed(() => oneJournal(folder)));
    return summarise(took);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function oneJournal(folder: string): Promise<void> {
  const journal = Journal.create(folder, { ...spec, jobId: randomUUID() });
  const before = JSON.stringify(Array.from({ length: 50 }, (_, index) => `/vm_disks/vm-${index}.img`));
  for (let sequence = 1; sequence <= eventsOfJob; sequence += 1) {
    if (sequence === eventsOfJob / 2) journal.putDurably({ before, launched: new Date().toISOString() });
    if (sequence === eventsOfJob - 2) journal.putDurably({ creating: new Date().toISOString() });
    const event = { $case: "phaseStarted" as const, value: { phase: Phase.SCRIPT } };
    journal.append({ event: { sequence: BigInt(sequence), at: new Date().toISOString(), event }, logBytes: 0 });
  }
  await journal.synced(eventsOfJob);
  journal.close();
}

/** The `share` of values that are smaller. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
