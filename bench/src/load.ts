// What one controller bears: 200 jobs at once over 20 agents that print 100,000 log lines a second in all, with the API read meanwhile; taking 200 running jobs up
// again after the controller was killed; and what a job's journal costs its host.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { finalStatuses, type JobView } from "@convirt/contract/job";
import { hostsApart } from "./hosts-apart.js";
import { journalCost } from "./journal.js";
import { bytesOfJob, linesOfJob, linesPerSecond, loudScript, seconds, waitingScript } from "./load-scripts.js";
import { bare, cpuSeconds, makePlace, type Place, residentMib } from "./place.js";
import { type Summary, summarise, timed } from "./statistics.js";

const agents = 20;
const jobsPerAgent = 10;
const jobs = agents * jobsPerAgent;
const limitMs = 300_000;
/** One job in so many is followed by a client, as it is by a person. */
const watchedShare = 10;
/** The list that is asked for is long: often would be a load of its own. */
const askAgainMs = 250;
const launchesAtOnce = 4;
/** So long the controller is away: each script prints meanwhile. */
const awayMs = 2_500;

export async function load(): Promise<Record<string, Summary | number>> {
  const journal = await journalCost();
  const names = Array.from({ length: agents }, (_, index) => `xen${index + 1}`);
  const place = await makePlace([], { jobsPerHost: jobsPerAgent });
  const apart = hostsApart();
  const settings = { jobs: jobsPerAgent, launcher: { around: apart.around } };
  try {
    await Promise.all(names.map((name) => place.installation.addHost(name, settings)));
    await place.addImage("Loud", loudScript(jobs));
    await place.addImage("Waiting", waitingScript);
    const printing = await underLoad(place, names);
    console.error(JSON.stringify({ journal_ms_per_job: journal, ...printing }));
    // The 200 proofs at the jobs' end may have kept the agents from their signs of life.
    await Promise.all(names.map((name) => place.installation.inContact(name)));
    const again = await takenUpAgain(place, names);
    const machine = { load_average: loadavg()[0] ?? 0, hosts_apart: apart.around.length > 0 ? 1 : 0 };
    return { ...machine, journal_ms_per_job: journal, ...printing, ...again };
  } finally {
    await place.stop();
    await apart.remove();
  }
}

async function underLoad(place: Place, names: readonly string[]): Promise<Record<string, Summary | number>> {
  const { client } = place.installation;
  const ids = await running(place, names, "Loud");
  const pid = place.installation.controllerPid;
  const cpu = cpuSeconds(pid);
  let peakMib = 0;
  const api: number[] = [];
  let took = 0;
  let spent = 0;
  writeFileSync(join(place.folder, "gate"), "");
  const started = performance.now();
  const storing = async () => {
    await untilAll("logs are stored", async () =>
      (await stored(place)).every((job) => job.logBytes === bytesOfJob(jobs)),
    );
    took = (performance.now() - started) / 1000;
    spent = cpuSeconds(pid) - cpu;
  };
  const reading = async () => {
    for (let turn = 0; took === 0; turn += 1) {
      api.push(await timed(() => read(place, ids, turn)));
      peakMib = Math.max(peakMib, residentMib(pid));
      await delay(20);
    }
  };
  const watched = ids.filter((_, index) => index % watchedShare === 0);
  await Promise.all([storing(), reading(), ...watched.map((id) => watchedToItsEnd(place, id))]);
  await allEnded(place, ids);
  const ended = await Promise.all(ids.map((id) => shown(place, id)));
  let lost = 0;
  for (const job of ended) {
    const host = readFileSync(logOnHost(place, job));
    const bytes = await client.log(job.id);
    const lines = host.toString("latin1").split("\n").length - 1;
    if (job.status !== "succeeded" || lines !== linesOfJob(jobs) + 2)
      throw new Error(`${job.vm} is ${job.status} with ${lines} lines: ${job.message}`);
    if (!bytes.equals(host) || sha256(bytes) !== job.logSha256) lost += 1;
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
  const asked = [
    () => client.fetch("listJobs", { query: { perPage: 50 } }),
    () => client.fetch("showJob", { params: { id } }),
    () => client.fetch("listHosts"),
    () => client.fetch("listVms", { query: { perPage: 50 } }),
  ];
  await (await asked[turn % asked.length]?.())?.arrayBuffer();
}

/** All are taken up again when what each had printed by the moment in which the controller was ready is stored. */
async function takenUpAgain(place: Place, names: readonly string[]): Promise<Record<string, number>> {
  const { installation } = place;
  const ids = await running(place, names, "Waiting");
  const logs = await Promise.all(ids.map(async (id) => logOnHost(place, await shown(place, id))));
  await installation.stopController("SIGKILL");
  const killed = performance.now();
  await delay(awayMs);
  const started = performance.now();
  await installation.startController();
  const ready = performance.now();
  const wanted = new Map(ids.map((id, index) => [id, statSync(logs[index] ?? "").size]));
  await untilAll("are taken up again", async () =>
    (await stored(place)).every(({ id, logBytes }) => logBytes >= (wanted.get(id) ?? 0)),
  );
  const attached = performance.now();
  writeFileSync(join(place.folder, "end"), "");
  await allEnded(place, ids);
  return {
    controller_away_ms: started - killed,
    controller_start_ms: ready - started,
    attached_again_ms_after_ready: attached - ready,
    attached_again_ms_after_start: attached - started,
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
    await untilAll("scripts run", async () =>
      (await stored(place)).every((job) => !few.has(job.id) || job.logBytes > 0),
    );
    ids.push(...few);
  }
  return ids;
}

/** The newest jobs. Not checked against the contract: 200 of them take longer for that than the controller takes to answer. */
async function stored(place: Place): Promise<JobView[]> {
  const query = { perPage: jobs, sort: "-createdAt" };
  const { items } = (await (await place.installation.client.fetch("listJobs", { query })).json()) as {
    items: JobView[];
  };
  return items;
}

/** Takes the events as they come and looks at none: on this machine a client that does more would take what the controller needs. */
async function watchedToItsEnd(place: Place, id: string): Promise<void> {
  const { httpUrl, client } = place.installation;
  const headers = { authorization: `Bearer ${client.token}` };
  const [response] = (await once(get(`${httpUrl}/api/v1/jobs/${id}/events`, { headers }), "response")) as [
    IncomingMessage,
  ];
  if (response.statusCode !== 200) throw new Error(`The events of ${id} were answered with ${response.statusCode}`);
  await once(response.resume(), "end");
}

async function shown(place: Place, id: string): Promise<JobView> {
  return await place.installation.client.call("showJob", { params: { id } });
}

function logOnHost(place: Place, { host, image, vm }: JobView): string {
  return join(place.installation.host(host).folder, "logs", image, `${image}_${vm}.log`);
}

/** By asking for the list: 200 streams of events would measure the one who asks. */
async function allEnded(place: Place, ids: readonly string[]): Promise<void> {
  const mine = new Set(ids);
  await untilAll("are over", async () => {
    const items = await stored(place);
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

/** The `share` of values that are smaller. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
