// The controller's database is put back to how it was earlier: jobs that were queued or running then have long ended, and VMs exist of which it knows nothing. No
// script runs again, nothing on a host is deleted, what the host's journal still holds is taken over, and what nobody here can know (a VM that a person made by hand)
// is shown as drift. Once from a copy that the controller made, once from files that somebody copied.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { finalStatuses } from "@convirt/contract/job";
import { type Ground, onGround, type Requested } from "./ground.js";
import type { Report, Run } from "./scenario.js";
import { gatedScript } from "./scripts.js";
import { until, within } from "./until.js";

const limitMs = 300_000;
/** So many run at once on a host; more are queued. */
const atOnce = 2;

interface Found {
  jobs: number;
  scriptsRunTwice: number;
  createsTwice: number;
  jobsNotEndedRight: number;
  vmsLost: number;
  /** Made after the copy, and recorded again from the host's journal. */
  vmsTakenOver: number;
  /** Of those that were made by hand: as many as there were restores. */
  vmsShownAsDrift: number;
  vmsNotShown: number;
}

export async function restores(run: Run): Promise<Report> {
  const found: Found = {
    ...{ jobs: 0, scriptsRunTwice: 0, createsTwice: 0, jobsNotEndedRight: 0 },
    ...{ vmsLost: 0, vmsTakenOver: 0, vmsShownAsDrift: 0, vmsNotShown: 0 },
  };
  const complaints: string[] = [];
  await onGround({ hosts: ["xen1"] }, async (ground) => {
    await ground.addImage("Gated", gatedScript);
    for (let round = 0; round < run.rounds; round += 1)
      for (const how of [fromBackup, fromFiles])
        await oneRestore(ground, `${how.name.toLowerCase()}-${round}`, how, { found, complaints });
  });
  return { figures: { restores: 2 * run.rounds, ...found }, complaints };
}

/** Keeps a copy; what it returns puts that one back. */
type Way = (ground: Ground) => Promise<() => Promise<void>>;

async function oneRestore(
  ground: Ground,
  name: string,
  keep: Way,
  { found, complaints }: { found: Found; complaints: string[] },
): Promise<void> {
  const { client, installation } = ground;
  const ask = (what: string, start = true) => ground.provision("Gated", "xen1", `${name}-${what}`, { start });
  const running = await Promise.all(Array.from({ length: atOnce }, (_, index) => ask(`running-${index}`)));
  for (const job of running)
    await until("the scripts have begun", limitMs, async () => (await client.log(job.id)).length > 0);
  const queued = [await ask("queued"), await ask("queued-unstarted", false)];
  const putBack = await keep(ground);
  const jobs = [...running, ...queued];
  for (const job of jobs) ground.openGate(job);
  for (const job of jobs) await within("all jobs are over", limitMs, client.ended(job.id));
  const later = await ask("later");
  ground.openGate(later);
  await within("the later job is over", limitMs, client.ended(later.id));
  const byHand = makeByHand(ground, `${name}-by-hand`);
  await putBack();
  await installation.inContact("xen1");
  for (const job of jobs) await settled(ground, job, { found, complaints });
  for (const job of [...jobs, later]) lookAtHost(ground, job, { found, complaints });
  const made = [...running, queued[0] as Requested, later].map(({ vm }) => vm);
  await lookAtVms(ground, { made, byHand }, { found, complaints });
}

/** Every VM is recorded again or shown as drift; one that was made by hand is nobody's record. */
async function lookAtVms(
  { client }: Ground,
  { made, byHand }: { made: readonly string[]; byHand: string },
  { found, complaints }: { found: Found; complaints: string[] },
): Promise<void> {
  const shown = async () => {
    const drift = (await client.call("listDrift", { query: { perPage: 200 } })).items;
    const listed = (await client.call("listVms", { query: { perPage: 200 } })).items;
    const names = new Set(listed.map((vm) => vm.name));
    const strangers = drift.filter(({ kind }) => kind === "domain_without_record").map((each) => each.name);
    return { names, strangers: new Set(strangers) };
  };
  // The host's next report has it; what is taken over comes a moment after the contact.
  await until("the VM that was made by hand is shown", limitMs, async () => (await shown()).strangers.has(byHand));
  found.vmsShownAsDrift += 1;
  const { names, strangers } = await shown();
  if (names.has(byHand)) complaints.push(`${byHand} was made by hand and is recorded`);
  for (const vm of made) {
    if (names.has(vm)) found.vmsTakenOver += 1;
    else if (!strangers.has(vm)) {
      found.vmsNotShown += 1;
      complaints.push(`${vm} runs on its host and is neither recorded nor shown as drift`);
    }
  }
}

/** By a person at the host, with xl alone. */
function makeByHand({ installation }: Ground, name: string): string {
  const { folder } = installation.host("xen1");
  const config = join(folder, `${name}.cfg`);
  writeFileSync(config, `name="${name}"\nmemory=32\ntype="pvh"\nkernel="/bin/sh"\n`);
  execFileSync(join(folder, "bin", "xl"), ["create", config]);
  return name;
}

/** Every job that the old record holds comes to an end of some kind, without a second run. */
async function settled(
  ground: Ground,
  job: Requested,
  { found, complaints }: { found: Found; complaints: string[] },
): Promise<void> {
  const status = await until(`the restored job ${job.vm} is settled`, limitMs, async () => {
    const shown = await ground.client.call("showJob", { params: { id: job.id } });
    return finalStatuses.has(shown.status) ? shown.status : undefined;
  });
  found.jobs += 1;
  // What became of it is on the host, or is not known any more; that it was refused or never began would be untrue.
  if (status === "succeeded" || status === "lost") return;
  found.jobsNotEndedRight += 1;
  complaints.push(`${job.vm} is shown as ${status} after the restore`);
}

function lookAtHost(
  ground: Ground,
  job: Requested,
  { found, complaints }: { found: Found; complaints: string[] },
): void {
  const started = !job.vm.endsWith("unstarted");
  const runs = ground.runs(job);
  const creates = ground.creates(job);
  found.scriptsRunTwice += Math.max(0, runs - 1);
  found.createsTwice += Math.max(0, creates - 1);
  if (runs !== 1 || creates !== (started ? 1 : 0)) complaints.push(`${job.vm}: ${runs} runs, ${creates} creates`);
  if (!started || ground.domains("xen1").includes(job.vm)) return;
  found.vmsLost += 1;
  complaints.push(`${job.vm} is gone from its host`);
}

async function fromBackup(ground: Ground): Promise<() => Promise<void>> {
  const { name } = await ground.client.call("makeBackup");
  const data = join(ground.folder, "controller");
  return () => exchanged(ground, () => cpSync(join(data, "backups", name), join(data, "convirt.db")));
}

/** As files are copied: with the controller stopped. */
async function fromFiles(ground: Ground): Promise<() => Promise<void>> {
  const data = join(ground.folder, "controller");
  const kept = join(ground.folder, "yesterday");
  await ground.installation.stopController();
  rmSync(kept, { recursive: true, force: true });
  mkdirSync(kept);
  for (const name of databaseFiles(data)) cpSync(join(data, name), join(kept, name));
  await ground.installation.startController();
  await ground.installation.inContact("xen1");
  return () => exchanged(ground, () => cpSync(kept, data, { recursive: true }));
}

async function exchanged(ground: Ground, put: () => void): Promise<void> {
  await ground.installation.stopController();
  const data = join(ground.folder, "controller");
  for (const name of databaseFiles(data)) rmSync(join(data, name));
  put();
  await ground.installation.startController();
}

function databaseFiles(folder: string): string[] {
  return readdirSync(folder).filter((name) => /^convirt\.db(-wal|-shm)?$/.test(name));
}
