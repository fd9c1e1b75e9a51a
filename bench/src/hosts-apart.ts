// Hosts are machines of their own, but a bench has them all on this one. A control group that counts as idle lets them have what the controller and its clients leave:
// without it each script, in a session of its own, counts for as much as the controller (sched_autogroup), and 200 of them leave it one share in 200.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const versionOne = "/sys/fs/cgroup/cpu";
const versionTwo = "/sys/fs/cgroup";
const goneLimitMs = 10_000;

export interface HostsApart {
  /** Words in front of a program that is to run with the hosts. None where this machine cannot keep them apart. */
  readonly around: readonly string[];
  /** Once its processes have ended. */
  remove(): Promise<void>;
}

/** Needs root, and the processor's controller of control groups. */
export function hostsApart(): HostsApart {
  const parent = groupsOfProcessor();
  if (parent === undefined) return { around: [], remove: async () => undefined };
  const folder = join(parent, `convirt-bench-${process.pid}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "cpu.idle"), "1");
  return {
    around: ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', folder],
    remove: () => removed(folder),
  };
}

function groupsOfProcessor(): string | undefined {
  if (process.getuid?.() !== 0) return undefined;
  if (existsSync(join(versionOne, "cpu.shares"))) return versionOne;
  const control = join(versionTwo, "cgroup.subtree_control");
  if (!existsSync(control)) return undefined;
  const has = () => readFileSync(control, "utf8").split(/\s/).includes("cpu");
  if (!has() && readFileSync(join(versionTwo, "cgroup.controllers"), "utf8").split(/\s/).includes("cpu"))
    writeFileSync(control, "+cpu");
  return has() ? versionTwo : undefined;
}

/** A group is busy until its last process was waited for. */
async function removed(folder: string): Promise<void> {
  const until = performance.now() + goneLimitMs;
  for (;;) {
    try {
      rmdirSync(folder);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EBUSY" || performance.now() > until) throw error;
      await delay(100);
    }
  }
}
