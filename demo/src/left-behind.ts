// What an installation leaves running when it stops: scripts outlive their agents, as they should, and some of a test's or a bench's never end by themselves.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

const endLimitMs = 10_000;
const lookAgainMs = 10;

/** Ends all that names the folder, which no other installation has, and returns when nothing of it is left that could write there. */
export async function endProcessesOf(folder: string): Promise<void> {
  const until = Date.now() + endLimitMs;
  for (let left = processesOf(folder); left.length > 0; left = processesOf(folder)) {
    if (Date.now() > until) throw new Error(`Processes ${left.join(", ")} do not end, which ${folder} left behind`);
    for (const pid of left) endAtOnce(pid);
    await delay(lookAgainMs);
  }
}

/** kill -9 for a process that may have ended meanwhile. */
export function endAtOnce(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Processes whose words or environment hold the text, this one apart. */
export function processesOf(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => ["cmdline", "environ"].some((file) => holds(`/proc/${pid}/${file}`, text)))
    .map(Number);
}

function holds(path: string, text: string): boolean {
  try {
    return readFileSync(path, "latin1").includes(text);
  } catch {
    // It ended meanwhile, or is not ours to look at.
    return false;
  }
}
