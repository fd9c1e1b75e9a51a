// Disks that run full: the host's, by its own script, and the controller's, while a log is being stored. Small file systems of their own stand for them, which takes root.
import { closeSync, openSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { audit, clean } from "./audit.js";
import { type Ground, onGround, type Requested } from "./ground.js";
import { Listener } from "./listener.js";
import type { Report, Run } from "./scenario.js";
import { numberedScript, numberedText, scriptOf } from "./scripts.js";
import { until, within } from "./until.js";

const limitMs = 180_000;
const hostMib = 24;
const controllerMib = 24;
const lines = 40;

/** Fills what is left of the file system that its own files are on, then says so: into the void, for its log is on it too. */
const fillingScript = scriptOf(
  "echo begun",
  'cat /dev/zero >"$CONVIRT_STORE/../ballast" && exit 0',
  'echo "the disk is full"',
  "exit 3",
);

export async function fullDisks(run: Run): Promise<Report> {
  if (process.getuid?.() !== 0)
    return { figures: {}, complaints: [], skipped: "a small file system takes root to mount" };
  const sum = { jobs: 0, ...clean };
  const complaints: string[] = [];
  let agentsDied = 0;
  await onGround(
    {
      hosts: ["xen1"],
      prepare: (ground) => {
        ground.mountSmall("controller", controllerMib);
        ground.mountSmall("hosts/xen1", hostMib);
      },
    },
    async (ground) => {
      await ground.addImage("Filling", fillingScript);
      await ground.addImage("Numbered", numberedScript(lines, 50));
      for (let round = 0; round < run.rounds; round += 1) {
        const before = ground.installation.host("xen1").process.pid;
        const outcomes = [await hostFull(ground, round), await controllerFull(ground, round)];
        for (const outcome of outcomes) {
          for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += outcome.audit[name];
          complaints.push(...outcome.complaints);
        }
        const agent = ground.installation.host("xen1").process;
        if (agent.exitCode !== null || agent.signalCode !== null || agent.pid !== before) {
          agentsDied += 1;
          complaints.push(`round ${round}: the agent ended with ${agent.exitCode ?? agent.signalCode}`);
          await ground.installation.restartAgent("xen1");
          await ground.installation.inContact("xen1");
        }
      }
    },
  );
  return { figures: { hostsFilled: run.rounds, controllersFilled: run.rounds, agentsDied, ...sum }, complaints };
}

/** The script that filled the disk fails and says why; when there is space again, the next job succeeds. */
async function hostFull(ground: Ground, round: number) {
  const full = await ground.provision("Filling", "xen1", `filling-${round}`);
  const { folder } = ground.installation.host("xen1");
  await until("the host's disk is full", limitMs, () => statfsSync(folder).bavail < 16);
  // A job that ends may not even be able to note its end until somebody makes space.
  rmSync(join(folder, "ballast"), { force: true });
  await within("the job that filled the disk is over", limitMs, ground.client.ended(full.id));
  await ground.installation.inContact("xen1");
  const next = await ground.provision("Numbered", "xen1", `after-full-${round}`);
  await within("the next job is over", limitMs, ground.client.ended(next.id));
  return audit(ground, [
    { job: full, expected: { status: "failed" } },
    { job: next, expected: { status: "succeeded", text: () => numberedText(lines, next.id) } },
  ]);
}

/** The controller cannot store what the host tells it, until there is space again. */
async function controllerFull(ground: Ground, round: number) {
  const job: Requested = await ground.provision("Numbered", "xen1", `controller-full-${round}`);
  const over = new AbortController();
  const following = new Listener(ground.client, job.id).untilEnd(over.signal);
  const ballast = join(ground.folder, "controller", "ballast");
  try {
    await until("the script has begun", limitMs, async () => (await ground.client.log(job.id)).length > 0);
    fill(ballast);
    const whole = numberedText(lines, job.id).length;
    await until("the script has printed all on its host", limitMs, () => statSync(ground.logFile(job)).size >= whole);
    rmSync(ballast);
    const seen = await within("the job is over when there is space again", limitMs, following);
    return await audit(ground, [
      { job, seen, expected: { status: "succeeded", text: () => numberedText(lines, job.id) } },
    ]);
  } finally {
    over.abort();
    rmSync(ballast, { force: true });
  }
}

/** Writes until nothing fits any more. */
function fill(path: string): void {
  const file = openSync(path, "w");
  try {
    for (;;) writeSync(file, Buffer.alloc(16 * 1024));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  } finally {
    closeSync(file);
  }
}
