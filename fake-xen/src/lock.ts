// One holder at a time, among processes that may be killed at any instruction.
//
// The lock is a symbolic link whose target says who holds it: made in one step together with what it says, so that no instant exists in which it is there
// and nobody's. A killed process leaves its link; whoever wants the lock next takes that away under a lock of its own, named after the dead holder, so that
// of two who saw the same dead holder none can remove the other's new link.
import { readFileSync, readlinkSync, rmSync, symlinkSync } from "node:fs";

/** Less than the 20 s that an agent gives to a call, so that this program's own words arrive. */
const lockLimitMs = 10_000;

/** Waits for the lock at `path` and takes it; gives the act that returns it. */
export function acquire(path: string, limitMs: number = lockLimitMs): () => void {
  const until = Date.now() + limitMs;
  const me = `${process.pid}:${startedAt(process.pid)}:${readFileSync("/proc/sys/kernel/random/uuid", "utf8").trim()}`;
  for (;;) {
    if (take(path, me)) return () => rmSync(path, { force: true });
    const holder = holderOf(path);
    if (holder !== undefined && !isAlive(holder)) removeAfter(holder, path, until);
    else if (Date.now() > until)
      throw new Error(`fake-xen: ${path} is held by process ${holder?.split(":")[0]} for more than ${limitMs} ms`);
    else pause(2);
  }
}

/** Blocks this thread: the program does one thing and ends. */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function take(path: string, me: string): boolean {
  try {
    symlinkSync(me, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** A dead holder's name is unique, so under its own lock the link is either still the dead one's or has been dealt with. */
function removeAfter(holder: string, path: string, until: number): void {
  const release = acquire(`${path}.${holder.split(":")[2]}`, Math.max(until - Date.now(), 0));
  try {
    if (holderOf(path) === holder) rmSync(path);
  } finally {
    release();
  }
}

function holderOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** By number and start, since numbers come again: after a container's restart almost surely. */
function isAlive(holder: string): boolean {
  const [pid = "", start] = holder.split(":");
  return startedAt(Number(pid)) === start;
}

/** When a process began, in ticks since boot; empty for one that is gone, or dead and not yet buried. proc(5): state and start are fields 3 and 22. */
function startedAt(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? "" : (fields[19] ?? "");
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ESRCH") return "";
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
