// Scripts that do what scripts should not: ignore TERM, leave a child behind that holds their output, and print far more than anybody keeps.

import { processesOf } from "@convirt/demo/left-behind";
import { audit, clean } from "./audit.js";
import { type Ground, onGround, type Requested } from "./ground.js";
import { Listener } from "./listener.js";
import type { Report, Run } from "./scenario.js";
import { scriptOf } from "./scripts.js";
import { until, within } from "./until.js";

const limitMs = 300_000;
/** How long the child lives that a script leaves behind: far longer than any wait here. */
const daemonSeconds = 900;
const floodMib = 80;
/** The job's runner looks each half second whether it is still needed, and carries the script's environment: it is counted only when it stays. */
const goneLimitMs = 20_000;

/** What their scripts print is what their hosts have: bash itself has a word to say when its children are killed. */
const images = {
  Deaf: scriptOf("trap '' TERM", "echo listening", "sleep 600 &", "while :; do sleep 1; done"),
  Daemon: scriptOf("echo before", `setsid sleep ${daemonSeconds} &`, "echo after"),
  Flood: scriptOf(`base64 -w 99 /dev/zero | head -c $((${floodMib} * 1048576))`),
};

export async function difficultScripts(run: Run): Promise<Report> {
  const sum = { jobs: 0, ...clean };
  const complaints: string[] = [];
  const most = { cancelSeconds: 0, childSeconds: 0, floodKeptMib: 0 };
  let processesLeft = 0;
  await onGround({ hosts: ["xen1"] }, async (ground) => {
    for (const [name, script] of Object.entries(images)) await ground.addImage(name, script);
    const one = async (
      image: keyof typeof images,
      round: number,
      act: typeof cancelled,
      status: "cancelled" | "succeeded",
    ) => {
      const job = await ground.provision(image, "xen1", `${image.toLowerCase()}-${round}`);
      const figure = await act(ground, job);
      const outcome = await audit(ground, [{ job, expected: { status } }]);
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += outcome.audit[name];
      complaints.push(...outcome.complaints);
      return figure;
    };
    for (let round = 0; round < run.rounds; round += 1) {
      most.cancelSeconds = Math.max(most.cancelSeconds, await one("Deaf", round, cancelled, "cancelled"));
      processesLeft += await left(ground, "Deaf");
      most.childSeconds = Math.max(most.childSeconds, await one("Daemon", round, childLeft, "succeeded"));
      most.floodKeptMib = Math.max(most.floodKeptMib, await one("Flood", round, flooded, "succeeded"));
    }
  });
  if (processesLeft > 0) complaints.push(`${processesLeft} processes of a cancelled script still run`);
  return { figures: { ...most, floodMib, processesLeft, ...sum }, complaints };
}

/** Seconds from the wish to the job's end. */
async function cancelled(ground: Ground, job: Requested): Promise<number> {
  await until("the script listens", limitMs, async () => (await ground.client.log(job.id)).length > 0);
  const began = performance.now();
  await ground.client.call("cancelJob", { params: { id: job.id } });
  await within("the cancelled job is over", limitMs, ground.client.ended(job.id));
  return secondsSince(began);
}

/** Seconds from the script's last word to the job's end. */
async function childLeft(ground: Ground, job: Requested): Promise<number> {
  const over = new AbortController();
  const following = new Listener(ground.client, job.id).untilEnd(over.signal);
  try {
    await until("the script has said all", limitMs, async () => (await ground.client.log(job.id)).includes("after"));
    const began = performance.now();
    await within("the job is over though a child lives on", limitMs, following);
    return secondsSince(began);
  } finally {
    over.abort();
  }
}

/** MiB of the log that were kept. */
async function flooded(ground: Ground, job: Requested): Promise<number> {
  const { logBytes } = await within("the loud job is over", limitMs, ground.client.ended(job.id));
  return Math.ceil(logBytes / 1024 / 1024);
}

function secondsSince(began: number): number {
  return Number(((performance.now() - began) / 1000).toFixed(1));
}

/** How many processes stay when all jobs of this image are over. */
async function left(ground: Ground, image: string): Promise<number> {
  const end = performance.now() + goneLimitMs;
  return until("the processes of a script are counted", 2 * goneLimitMs, () => {
    const { length } = runsOf(ground, image);
    return length === 0 || performance.now() > end ? length : undefined;
  });
}

/** Processes that run for a job of this image. */
function runsOf(ground: Ground, image: string): number[] {
  const ours = new Set(processesOf(ground.folder));
  return processesOf(`CONVIRT_IMAGE=${image}`).filter((pid) => ours.has(pid));
}
