// What a job makes on a host, told from what was there before: its disks and their folders' files, its configuration, and loop devices and mounts that hold on to
// them. Looked at before the script and again after a job that did not succeed; only what is new is listed, and only what is listed is ever cleaned.
import { existsSync, lstatSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Leftover } from "@convirt/proto/provision";
import { run } from "../process/run.js";
import type { Plan } from "./plan.js";

const mostEntries = 20_000;
const lvmLimitMs = 60_000;

/** Everything that stands where this job may make something, by path. */
export function lookAround(plan: Plan): Set<string> {
  const seen = new Set<string>();
  for (const folder of foldersOf(plan)) {
    if (existsSync(folder)) seen.add(folder);
    for (const name of list(folder)) seen.add(join(folder, name));
  }
  for (const device of loopDevices()) seen.add(device);
  for (const mount of mounts()) seen.add(`mount ${mount}`);
  return seen;
}

function foldersOf(plan: Plan): string[] {
  const targets = [...plan.disks.map((disk) => disk.target), plan.vmConfigPath].filter((path) => path.startsWith("/"));
  return [...new Set(targets.map((path) => dirname(path)))];
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).slice(0, mostEntries);
  } catch {
    return [];
  }
}

/** Backing files of loop devices: a file that one holds cannot be freed. */
function loopDevices(): string[] {
  return list("/sys/block")
    .filter((name) => name.startsWith("loop") && existsSync(`/sys/block/${name}/loop/backing_file`))
    .map((name) => `/dev/${name} ${readFileSync(`/sys/block/${name}/loop/backing_file`, "utf8").trim()}`);
}

function mounts(): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.includes("convirt"));
}

/** What is there now and was not before, of this VM's: files that carry its name or are its disks, folders that were made for them, devices and mounts. */
export function leftoversOf(plan: Plan, vmName: string, before: ReadonlySet<string>): Leftover[] {
  const now = lookAround(plan);
  const targets = new Set(plan.disks.map((disk) => disk.target));
  const found: Leftover[] = [];
  for (const path of now) {
    if (before.has(path)) continue;
    if (path.startsWith("mount ")) found.push({ kind: "mount", path: path.slice(6), bytes: 0n, detail: "" });
    else if (path.startsWith("/dev/loop")) {
      if ([...targets].some((target) => path.endsWith(` ${target}`)))
        found.push({ kind: "loop_device", path: path.split(" ")[0] ?? path, bytes: 0n, detail: "" });
    } else if (
      targets.has(path) ||
      path === plan.vmConfigPath ||
      path.split("/").at(-1)?.startsWith(`${vmName}.`) === true
    )
      found.push(describe(path));
  }
  return found;
}

function describe(path: string): Leftover {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return { kind: "directory", path, bytes: 0n, detail: "" };
  const isVolume = stat?.isBlockDevice() === true || (path.startsWith("/dev/") && stat?.isSymbolicLink() === true);
  return { kind: isVolume ? "volume" : "file", path, bytes: BigInt(stat?.size ?? 0), detail: "" };
}

/** Removes exactly these. Returns those that could not be. */
export async function clean(leftovers: readonly Leftover[], signal: AbortSignal): Promise<Leftover[]> {
  const kept: Leftover[] = [];
  const command = async (words: [string, ...string[]]) =>
    (await run(words, { signal, timeoutMs: lvmLimitMs })).exitCode === 0;
  // Mounts before devices, devices before what they are made of.
  for (const kind of ["mount", "loop_device", "volume", "file", "directory"]) {
    for (const one of leftovers.filter((leftover) => leftover.kind === kind)) {
      let done = true;
      if (kind === "mount") done = await command(["umount", "--", one.path]);
      else if (kind === "loop_device") done = await command(["losetup", "--detach", one.path]);
      else if (kind === "volume")
        done = await command(["lvremove", "--force", "--quiet", "--", one.path.slice("/dev/".length)]);
      else if (kind === "file") rmSync(one.path, { force: true });
      else done = removeEmpty(one.path);
      if (!done) kept.push(one);
    }
  }
  return kept;
}

function removeEmpty(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
}
