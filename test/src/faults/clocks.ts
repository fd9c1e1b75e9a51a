// Clocks that jump: an hour forward and an hour back, of the host and of the controller, while scripts run, and with the program started again after the jump.
// The programs run under libfaketime, which reads the offset from a file each time; scripts do not, and neither do the clocks that only count (monotonic).
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Launcher } from "@convirt/demo/installation";
import { audit, clean } from "./audit.js";
import { type Ground, onGround } from "./ground.js";
import { Listener } from "./listener.js";
import type { Report, Run } from "./scenario.js";
import { gatedScript, gatedText } from "./scripts.js";
import { until, within } from "./until.js";

const limitMs = 180_000;
const jumps = ["+3600", "-3600"] as const;

export async function jumpingClocks(run: Run): Promise<Report> {
  const library = fakeTime();
  if (library === undefined)
    return { figures: {}, complaints: [], skipped: "libfaketime is not installed (Debian: faketime)" };
  const sum = { jobs: 0, ...clean };
  const complaints: string[] = [];
  let made = 0;
  const clock = (ground: Ground, name: string) => join(ground.folder, `clock-${name}`);
  const under = (ground: Ground, name: string): Launcher => {
    writeFileSync(clock(ground, name), "+0\n");
    return { environment: { ...environment, LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: clock(ground, name) } };
  };
  await onGround(
    {
      hosts: ["xen1"],
      controllerUnder: (ground) => under(ground, "controller"),
      host: (name, ground) => ({ launcher: under(ground, name) }),
    },
    async (ground) => {
      // An image that allows its script ten minutes: an hour's jump must not use them up.
      await ground.addImage("Gated", gatedScript, { "image.conf": "VM_CONF_DIR='/c'\nprovision_timeout=600\n" });
      for (let round = 0; round < run.rounds; round += 1) {
        for (const whose of ["xen1", "controller"]) {
          for (const [index, jump] of jumps.entries()) {
            for (const restarted of [false, true]) {
              const vm = `clock-${round}-${whose}-${index}-${restarted ? "restarted" : "kept"}`;
              const outcome = await oneJump(ground, { vm, path: clock(ground, whose), jump, whose, restarted });
              made += 1;
              for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += outcome.audit[name];
              complaints.push(...outcome.complaints.map((one) => `${whose} ${jump}: ${one}`));
            }
          }
        }
      }
    },
  );
  return { figures: { jumps: made, ...sum }, complaints };
}

/** The file is read again once a second; to read it at every call would make a program crawl that asks for the time often. */
const environment = { FAKETIME_CACHE_DURATION: "1", FAKETIME_DONT_FAKE_MONOTONIC: "1", NO_FAKE_STAT: "1" };
const noticedMs = 2_000;

/** Begins under the true clock, goes on under the other one, and is under the true one again for the next. */
async function oneJump(
  ground: Ground,
  { vm, path, jump, whose, restarted }: { vm: string; path: string; jump: string; whose: string; restarted: boolean },
) {
  const { installation } = ground;
  const job = await ground.provision("Gated", "xen1", vm);
  const over = new AbortController();
  const following = new Listener(ground.client, job.id).untilEnd(over.signal);
  try {
    await until("the script has begun", limitMs, async () => (await ground.client.log(job.id)).length > 0);
    writeFileSync(path, `${jump}\n`);
    // No condition says that a clock has jumped but the clock itself, which is within the program.
    await delay(noticedMs);
    if (restarted && whose === "controller") {
      await installation.stopController("SIGKILL");
      await installation.startController();
    } else if (restarted) {
      await installation.stopAgent(whose, "SIGKILL");
      await installation.restartAgent(whose);
    }
    await installation.inContact("xen1");
    ground.openGate(job);
    const seen = await within("the job is over under another clock", limitMs, following);
    const outcome = await audit(ground, [{ job, seen, expected: { status: "succeeded", text: () => gatedText } }]);
    const { phases } = await ground.client.call("showJob", { params: { id: job.id } });
    for (const { phase, durationMs } of phases)
      if (durationMs === null || durationMs < 0 || durationMs > limitMs)
        outcome.complaints.push(`${vm}: the phase ${phase} is said to have taken ${durationMs} ms`);
    return outcome;
  } finally {
    over.abort();
    writeFileSync(path, "+0\n");
  }
}

function fakeTime(): string | undefined {
  return readdirSync("/usr/lib")
    .map((name) => join("/usr/lib", name, "faketime", "libfaketime.so.1"))
    .find((path) => existsSync(path));
}
