// Removes one leftover after another, each only when it is still what the job left and nobody uses it.
import { readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Inventory } from "../host/inventory.js";
import { isRunning, parseIdentity } from "../process/identity.js";
import { run } from "../process/run.js";
import { type Toolstack, ToolstackError } from "../toolstack/toolstack.js";
import { type Footprint, volumeOf } from "./footprint.js";
import type { Left, LeftoverRecord } from "./record.js";
import { lookAt, loopDevices, mounts, volumes } from "./sight.js";

export type RemainsCode = "in_use" | "changed" | "other_job" | "not_empty" | "not_listed" | "failed";

export interface Why {
  code: RemainsCode;
  message: string;
}

export interface Cleaned {
  removed: Left[];
  remaining: (Why & { left: Left })[];
}

export interface CleanerDependencies {
  record: LeftoverRecord;
  claims: readonly Footprint[];
  inventory: Inventory;
  toolstack: Toolstack;
  graceMs: number;
  signal: AbortSignal;
}

const writers: ReadonlySet<Left["kind"]> = new Set(["process", "domain", "mount", "loop_device"]);
const commandLimitMs = 60_000;
const goneLimitMs = 10_000;
const pollMs = 50;

export class Cleaner {
  readonly #deps: CleanerDependencies;
  /** What is left of the job may have gone on writing, and a mount writes as it goes: its files are then known by their inode alone. */
  readonly #mayHaveGrown: boolean;

  constructor(deps: CleanerDependencies) {
    this.#deps = deps;
    this.#mayHaveGrown = [...deps.record.left, ...deps.record.removed].some((one) => writers.has(one.kind));
  }

  /** Undefined when it is gone now. */
  async clean(left: Left): Promise<Why | undefined> {
    const taker =
      left.takenBy ??
      this.#deps.claims.find((claim) => [...claim.targets, claim.configPath].includes(left.path))?.jobId;
    if (taker !== undefined) return { code: "other_job", message: `${left.path} is job ${taker}'s now` };
    if (this.#deps.signal.aborted) return { code: "failed", message: "There was no time left" };
    switch (left.kind) {
      case "process":
        return this.#process(left);
      case "domain":
        return this.#domain(left);
      case "mount":
        return this.#held(left, mounts, ["umount", "--", left.path]);
      case "loop_device":
        return this.#held(left, loopDevices, ["losetup", "--detach", left.path]);
      case "volume":
        return this.#volume(left);
      case "file":
        return this.#file(left);
      case "directory":
        return this.#directory(left);
    }
  }

  async #process(left: Left): Promise<Why | undefined> {
    const process_ = parseIdentity(left.mark);
    if (process_ === undefined) return { code: "failed", message: `Process ${left.path} cannot be told from others` };
    for (const [signal, limitMs] of [
      ["SIGTERM", this.#deps.graceMs],
      ["SIGKILL", goneLimitMs],
    ] as const) {
      if (!isRunning(process_)) return undefined;
      try {
        process.kill(process_.pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
      if (await comesTrue(() => !isRunning(process_), limitMs)) return undefined;
    }
    return { code: "failed", message: `Process ${left.path} (${left.detail}) does not end, not even by SIGKILL` };
  }

  async #domain(left: Left): Promise<Why | undefined> {
    const { toolstack, signal } = this.#deps;
    try {
      const mine = async () =>
        (await toolstack.list(signal)).find((one) => one.name === left.path && one.uuid === left.mark);
      const domain = await mine();
      if (domain === undefined) return undefined;
      await toolstack.destroy(domain.id, signal);
      if (await comesTrue(async () => (await mine()) === undefined, goneLimitMs)) return undefined;
      return { code: "failed", message: `The domain "${left.path}" was destroyed and is still listed` };
    } catch (error) {
      if (error instanceof ToolstackError) return { code: "failed", message: error.message };
      throw error;
    } finally {
      this.#deps.inventory.invalidate();
    }
  }

  /** A mount or a loop device: gone when the kernel no longer lists it so. */
  async #held(left: Left, now: () => Left[], command: [string, ...string[]]): Promise<Why | undefined> {
    const isThere = () => now().some((one) => one.path === left.path && one.mark === left.mark);
    if (!isThere()) return undefined;
    const report = await run(command, { signal: this.#deps.signal, timeoutMs: commandLimitMs });
    if (await comesTrue(() => !isThere(), 1_000)) return undefined;
    return { code: "in_use", message: `${left.path} (${left.detail}) is still held: ${last(report.stderrTail)}` };
  }

  async #volume(left: Left): Promise<Why | undefined> {
    const volume = volumeOf(left.path);
    if (volume === undefined) return { code: "failed", message: `${left.path} names no volume` };
    const { signal } = this.#deps;
    const all = await volumes(volume.group, signal);
    if (all === undefined) return { code: "failed", message: `lvs does not tell of the volumes of ${volume.group}` };
    const now = all.find((one) => one.path === left.path);
    if (now === undefined) return undefined;
    if (now.mark !== left.mark) return { code: "changed", message: `${left.path} is another volume than the job left` };
    const user = await this.#user(left.path);
    if (user !== undefined) return user;
    const words: [string, ...string[]] = ["lvremove", "--yes", "--quiet", "--", `${volume.group}/${volume.volume}`];
    const report = await run(words, { signal, timeoutMs: commandLimitMs });
    if (report.exitCode === 0) return undefined;
    return { code: "failed", message: `lvremove would not remove ${left.path}: ${last(report.stderrTail)}` };
  }

  async #file(left: Left): Promise<Why | undefined> {
    const now = lookAt(left.path);
    if (now === undefined) return undefined;
    const isSame = this.#mayHaveGrown ? inodeOf(now.mark) === inodeOf(left.mark) : now.mark === left.mark;
    if (now.kind !== "file" || !isSame)
      return { code: "changed", message: `${left.path} has been changed since the job ended` };
    const user = (await this.#user(left.path)) ?? holderOf(left.path);
    if (user !== undefined) return user;
    return removed(() => rmSync(left.path), left.path);
  }

  async #directory(left: Left): Promise<Why | undefined> {
    const now = lookAt(left.path);
    if (now === undefined) return undefined;
    if (now.kind !== "directory" || (left.mark !== "" && now.mark !== left.mark))
      return { code: "changed", message: `${left.path} is not the folder that the job left` };
    return removed(() => rmdirSync(left.path), left.path);
  }

  /** The domain that has the disk: its own, or any whose configuration names it. Nobody knows while the toolstack does not answer. */
  async #user(path: string): Promise<Why | undefined> {
    const { inventory, record, toolstack, signal } = this.#deps;
    const { domains, toolstackError } = await inventory.snapshot(0, signal);
    if (toolstackError !== undefined)
      return {
        code: "failed",
        message: `${toolstack.name} does not say which domains run, so ${path} may be in use: ${toolstackError}`,
      };
    const folders = new Set([
      "/etc/xen",
      "/var/cache/convirt/vm_configs",
      ...record.left.map((one) => dirname(one.path)),
    ]);
    const user = domains.find(
      ({ id, name, uuid }) =>
        id > 0 &&
        ((name === record.vmName && uuid === record.vmUuid) ||
          [...folders].some((folder) => names(join(folder, name), path) || names(join(folder, `${name}.cfg`), path))),
    );
    if (user === undefined) return undefined;
    return { code: "in_use", message: `${path} is in use: the domain "${user.name}" runs` };
  }
}

function inodeOf(mark: string): string {
  return mark.split(" ")[0] ?? "";
}

function last(text: string): string {
  return text.trim().split("\n").at(-1)?.trim() ?? "";
}

/** Whether a configuration names a disk; xl's grammar ends a path by a comma or a quote. */
function names(config: string, path: string): boolean {
  let text: string;
  try {
    text = readFileSync(config, "utf8");
  } catch {
    return false;
  }
  for (let at = text.indexOf(path); at >= 0; at = text.indexOf(path, at + 1))
    if (/^[,'"\s]/.test(text.slice(at + path.length))) return true;
  return false;
}

/** A loop device or a process that has the file open. */
function holderOf(path: string): Why | undefined {
  const device = loopDevices().find((one) => one.detail === path);
  if (device !== undefined) return { code: "in_use", message: `${path} is in use by ${device.path}` };
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined) return undefined;
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    for (const fd of openFilesOf(pid)) {
      const link = linkOf(fd);
      if (link === undefined || !link.startsWith("/")) continue;
      const held = link === path ? statSync(fd, { throwIfNoEntry: false }) : undefined;
      if (held?.ino === file.ino && held.dev === file.dev)
        return { code: "in_use", message: `${path} is in use by process ${pid}` };
    }
  }
  return undefined;
}

function openFilesOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`);
  } catch {
    // It has gone meanwhile.
    return [];
  }
}

function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(fd);
  } catch {
    return undefined;
  }
}

function removed(remove: () => void, path: string): Why | undefined {
  try {
    remove();
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    if (code === "ENOTEMPTY" || code === "EEXIST") return { code: "not_empty", message: `${path} holds other things` };
    return { code: "failed", message: `Cannot remove ${path}: ${message}` };
  }
}

async function comesTrue(holds: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
  const until = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > until) return false;
    await delay(pollMs);
  }
  return true;
}
