// Scripts that do what scripts should not: ignore TERM, leave a child behind that holds their output, and print as fast as they can.
import { audit, clean, type Expected } from "./audit.js";
import { type Ground, onGround, processesOf, type Requested } from "./ground.js";
import { Listener } from "./listener.js";
import type { Report, Run } from "./scenario.js";
import { scriptOf } from "./scripts.js";
import { until, within } from "./until.js";

const limitMs = 180_000;
/** How long the child lives that a script leaves behind: far longer than any wait here. */
const daemonSeconds = 900;

export async function difficultScripts(run: Run): Promise<Report> {
  const sum = { jobs: 0, ...clean };
  const complaints: string[] = [];
  const seconds = { ignoresTerm: 0, leavesChild: 0 };
  const left = { processes: 0 };
  await onGround({ hosts: ["xen1"] }, async (ground) => {
    // Each in a process of its own group too, for a signal to the script alone would leave those.
    await ground.addImage(
      "Deaf",
      scriptOf("trap '' TERM", "echo listening", "sleep 600 &", "while :; do sleep 1; done"),
    );
    await ground.addImage("Daemon", scriptOf("echo before", `setsid sleep ${daemonSeconds} &`, "echo after"));
    for (let round = 0; round < run.rounds; round += 1) {
      const cases = [
        {
          image: "Deaf",
          act: cancelled,
          expected: { status: "cancelled", text: () => "listening\n" },
          key: "ignoresTerm",
        },
        {
          image: "Daemon",
          act: awaited,
          expected: { status: "succeeded", text: () => "before\nafter\n" },
          key: "leavesChild",
        },
      ] as const;
      for (const { image, act, expected, key } of cases) {
        const job = await ground.provision(image, "xen1", `${image.toLowerCase()}-${round}`);
        const took = await act(ground, job);
        seconds[key] = Math.max(seconds[key], Number((took / 1000).toFixed(1)));
        const outcome = await audit(ground, [{ job, expected: expected as Expected }]);
        for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += outcome.audit[name];
        complaints.push(...outcome.complaints);
      }
      left.processes += runsOf(ground, "Deaf").length;
    }
  });
  if (left.processes > 0) complaints.push(`${left.processes} processes of a cancelled script still run`);
  return {
    figures: {
      cancelSeconds: seconds.ignoresTerm,
      childSeconds: seconds.leavesChild,
      processesLeft: left.processes,
      ...sum,
    },
    complaints,
  };
}

/** Milliseconds from the wish to the job's end. */
async function cancelled(ground: Ground, job: Requested): Promise<number> {
  await until("the script listens", limitMs, async () => (await ground.client.log(job.id)).length > 0);
  const began = performance.now();
  await ground.client.call("cancelJob", { params: { id: job.id } });
  await within("the cancelled job is over", limitMs, ground.client.ended(job.id));
  return performance.now() - began;
}

/** Milliseconds from the script's last word to the job's end. */
async function awaited(ground: Ground, job: Requested): Promise<number> {
  const over = new AbortController();
  const following = new Listener(ground.client, job.id).untilEnd(over.signal);
  try {
    await until("the script has said all", limitMs, async () => (await ground.client.log(job.id)).includes("after"));
    const began = performance.now();
    await within("the job is over though a child lives on", limitMs, following);
    return performance.now() - began;
  } finally {
    over.abort();
  }
}

/** Processes that run for a job of this image. */
function runsOf(ground: Ground, image: string): number[] {
  return processesOf(`CONVIRT_IMAGE=${image}`).filter((pid) => processesOf(ground.folder).includes(pid));
}
