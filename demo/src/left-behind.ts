// What an installation leaves running when it stops: scripts outlive their agents, as they should, and some of a test's or a bench's never end by themselves.
import { readdirSync, readFileSync } from "node:fs";

/** Ends all that names the folder, which no other installation has. */
export function endProcessesOf(folder: string): void {
  for (const pid of processesOf(folder)) endAtOnce(pid);
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
