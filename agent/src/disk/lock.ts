// One agent to a state folder. A second would take up the same jobs and launch what the first has launched; so the first holds a lock on a file there for as long as it
// lives, and the kernel drops it when the process dies, however it dies. Node cannot take such a lock itself: flock(1) takes it on a file that we have open and hand to
// it, and it stays ours when that program has ended. Nothing that the agent starts inherits the file.
import { spawn } from "node:child_process";
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CannotStart } from "../errors/errors.js";

/** An agent that was ended this moment may still be on its way out. */
const waitMs = 3_000;
const pollMs = 100;
/** What flock(1) says when another has it. */
const held = 1;

/** Takes the lock, or throws CannotStart and says who has it. Returns how to let go. */
export async function lockState(stateDir: string): Promise<() => void> {
  const path = join(stateDir, "agent.lock");
  const file = openSync(path, "a+", 0o600);
  try {
    const end = performance.now() + waitMs;
    for (;;) {
      const code = await tryLock(file);
      if (code === 0) break;
      if (code !== held)
        throw new CannotStart(
          `Cannot lock ${path}: flock ended with ${code}, and nothing else tells that no other agent works there`,
        );
      if (performance.now() > end)
        throw new CannotStart(
          `Cannot use ${stateDir}: another agent (process ${readFileSync(path, "utf8").trim() || "unknown"}) works on it. Stop that one first (systemctl stop convirt-agent), or give this one a folder of its own (state in agent.toml)`,
        );
      await delay(pollMs);
    }
    ftruncateSync(file);
    writeSync(file, `${process.pid}\n`);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  let isHeld = true;
  return () => {
    // Once: the number is another file's afterwards.
    if (isHeld) closeSync(file);
    isHeld = false;
  };
}

function tryLock(file: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn("flock", ["-n", "3"], { stdio: ["ignore", "ignore", "ignore", file] });
    child.once("error", (cause) =>
      reject(new CannotStart("Cannot start without flock: apt-get install util-linux", { cause })),
    );
    child.once("exit", (code) => resolve(code ?? -1));
  });
}
