// The controller's database is put back to how it was earlier: jobs that were queued or running then have long ended, and VMs exist of which it knows nothing. No
// script runs again, nothing on a host is deleted, and what differs is shown.
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { finalStatuses } from "@convirt/contract/job";
import type { clean } from "./audit.js";
import { type Ground, onGround, type Requested } from "./ground.js";
import type { Report, Run } from "./scenario.js";
import { gatedScript } from "./scripts.js";
import { until, within } from "./until.js";

const limitMs = 180_000;
/** So many run at once on a host; one more is queued. */
const atOnce = 2;

export async function restores(run: Run): Promise<Report> {
  const found = { jobs: 0, scriptsRunTwice: 0, createsTwice: 0, jobsNotEndedRight: 0, vmsLost: 0, vmsShownAsDrift: 0 };
  const complaints: string[] = [];
  await onGround({ hosts: ["xen1"] }, async (ground) => {
    await ground.addImage("Gated", gatedScript);
    for (let round = 0; round < run.rounds; round += 1) await oneRestore(ground, round, found, complaints);
  });
  return { figures: { restores: run.rounds, ...found }, complaints };
}

type Found = Pick<typeof clean, "scriptsRunTwice" | "createsTwice" | "jobsNotEndedRight"> & {
  jobs: number;
  vmsLost: number;
  vmsShownAsDrift: number;
};

async function oneRestore(ground: Ground, round: number, found: Found, complaints: string[]): Promise<void> {
  const { client, installation } = ground;
  const ask = (name: string) => ground.provision("Gated", "xen1", `${name}-${round}`, { start: true });
  const running = await Promise.all(Array.from({ length: atOnce }, (_, index) => ask(`running-${index}`)));
  for (const job of running)
    await until("the scripts have begun", limitMs, async () => (await client.log(job.id)).length > 0);
  const queued = await ask("queued");
  await saveDatabase(ground);
  const jobs = [...running, queued];
  for (const job of jobs) ground.openGate(job);
  for (const job of jobs) await within("all jobs are over", limitMs, client.ended(job.id));
  const later = await ask("later");
  ground.openGate(later);
  await within("the later job is over", limitMs, client.ended(later.id));
  await restoreDatabase(ground);
  await installation.inContact("xen1");
  // Every job that the old record holds comes to an end of some kind, without a second run.
  for (const job of jobs) {
    const status = await until(`the restored job ${job.vm} is settled`, limitMs, async () => {
      const shown = await client.call("showJob", { params: { id: job.id } });
      return finalStatuses.has(shown.status) ? shown.status : undefined;
    });
    found.jobs += 1;
    // What became of it is on the host, or is not known any more; that it was refused or never began would be untrue.
    if (status !== "succeeded" && status !== "lost") {
      found.jobsNotEndedRight += 1;
      complaints.push(`${job.vm} is shown as ${status} after the restore`);
    }
  }
  for (const job of [...jobs, later]) lookAtHost(ground, job, found, complaints);
  const shown = (await client.call("listVms", { query: { perPage: 200 } })).items.map(({ name }) => name);
  for (const job of [...jobs, later]) {
    if (shown.includes(job.vm)) found.vmsShownAsDrift += 1;
    else complaints.push(`${job.vm} runs on its host and is not listed`);
  }
}

function lookAtHost(ground: Ground, job: Requested, found: Found, complaints: string[]): void {
  const runs = ground.runs(job);
  const creates = ground.creates(job);
  found.scriptsRunTwice += Math.max(0, runs - 1);
  found.createsTwice += Math.max(0, creates - 1);
  if (runs !== 1 || creates !== 1) complaints.push(`${job.vm}: ${runs} runs, ${creates} creates`);
  if (ground.domains("xen1").includes(job.vm)) return;
  found.vmsLost += 1;
  complaints.push(`${job.vm} is gone from its host`);
}

/** As a copy of the files is made: with the controller stopped. */
async function saveDatabase(ground: Ground): Promise<void> {
  await ground.installation.stopController();
  const to = join(ground.folder, "yesterday");
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to);
  for (const name of databaseFiles(join(ground.folder, "controller")))
    cpSync(join(ground.folder, "controller", name), join(to, name));
  await ground.installation.startController();
  await ground.installation.inContact("xen1");
}

async function restoreDatabase(ground: Ground): Promise<void> {
  await ground.installation.stopController();
  const data = join(ground.folder, "controller");
  for (const name of databaseFiles(data)) rmSync(join(data, name));
  cpSync(join(ground.folder, "yesterday"), data, { recursive: true });
  await ground.installation.startController();
}

function databaseFiles(folder: string): string[] {
  return readdirSync(folder).filter((name) => /^convirt\.db(-wal|-shm)?$/.test(name));
}
