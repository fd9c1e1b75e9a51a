// What there is on a host where a job may make something, each with a mark by which it is known again: it is only ever cleaned when it is still the same.
import { type Dirent, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { bootId } from "../host/facts.js";
import { stateOf } from "../process/identity.js";
import { isOfJob } from "../process/marked.js";
import { run } from "../process/run.js";
import { type Footprint, volumeOf } from "./footprint.js";

export type Kind = "process" | "domain" | "mount" | "loop_device" | "volume" | "file" | "directory";

export interface Sight {
  kind: Kind;
  /** A process has its number here, a domain its name. */
  path: string;
  bytes: number;
  detail: string;
  /** Changes when it becomes another thing, or its content does. */
  mark: string;
}

const mostBelow = 1_000;
const lvmLimitMs = 20_000;

export function keyOf(sight: Pick<Sight, "kind" | "path" | "detail">): string {
  // The same loop device or mount point with something else in it is another.
  const more = sight.kind === "loop_device" || sight.kind === "mount" ? ` ${sight.detail}` : "";
  return `${sight.kind} ${sight.path}${more}`;
}

export interface Surroundings {
  seen: Sight[];
  /** Volume groups of which LVM did not tell: what is in them, nobody knows. */
  unseenGroups: string[];
}

/** Everything in the places of a footprint that could be its, but processes and domains. */
export async function lookAround(footprint: Footprint, signal: AbortSignal): Promise<Surroundings> {
  const seen: Sight[] = [];
  const folders = new Set([...footprint.folders, ...ancestors(footprint)]);
  for (const folder of folders) {
    const at = lookAt(folder);
    if (at?.kind === "directory") seen.push(at);
  }
  const starts = [footprint.vmName, ...[...footprint.targets, footprint.configPath].map((path) => basename(path))];
  for (const folder of footprint.folders) {
    if (volumeOf(join(folder, "any")) !== undefined) continue;
    for (const entry of list(folder)) {
      if (!starts.some((start) => entry.name.startsWith(start))) continue;
      const path = join(folder, entry.name);
      const found = folders.has(path) ? undefined : lookAt(path);
      if (found !== undefined) seen.push(found);
    }
  }
  const groups = new Set(
    footprint.targets.map((target) => volumeOf(target)?.group).filter((name) => name !== undefined),
  );
  const unseenGroups: string[] = [];
  for (const group of groups) {
    const found = await volumes(group, signal);
    if (found === undefined) unseenGroups.push(group);
    else seen.push(...found);
  }
  return { seen: [...seen, ...loopDevices(), ...mounts()], unseenGroups };
}

/** Folders above the disks and the configuration, which a script may have made on its way. */
export function ancestors(footprint: Footprint): string[] {
  const found = new Set<string>();
  for (const path of [...footprint.targets, footprint.configPath]) {
    const parts = path.split("/").slice(1, -1);
    for (let count = parts.length; count > 0; count -= 1) found.add(`/${parts.slice(0, count).join("/")}`);
  }
  return [...found];
}

/** All that is below a folder and on no other file system, the deepest first. */
export function below(folder: string, mountPoints: ReadonlySet<string>): Sight[] {
  return list(folder)
    .slice(0, mostBelow)
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      const found = lookAt(path);
      if (found === undefined || mountPoints.has(path)) return [];
      return found.kind === "directory" ? [...below(path, mountPoints), found] : [found];
    });
}

function list(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // Not there, or not to be read: there is nothing to see.
    return [];
  }
}

/** A file or a folder by its path, a link as the link that it is. */
export function lookAt(path: string): Sight | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  if (stat === undefined) return undefined;
  if (stat.isDirectory()) return { kind: "directory", path, bytes: 0, detail: "", mark: String(stat.ino) };
  const detail = stat.isSymbolicLink() ? `link to ${readlinkSync(path)}` : "";
  const mark = `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
  return { kind: "file", path, bytes: Number(stat.size), detail, mark };
}

/** By LVM's own list, with the uuid of each; undefined when LVM does not answer. */
export async function volumes(group: string, signal: AbortSignal): Promise<Sight[] | undefined> {
  const columns = ["--noheadings", "--nosuffix", "--units", "b", "--separator", "|", "--options"];
  const report = await run(["lvs", ...columns, "lv_name,lv_uuid,lv_size", "--", group], {
    signal,
    timeoutMs: lvmLimitMs,
  });
  if (report.exitCode !== 0) return undefined;
  return report.stdout
    .split("\n")
    .map((line) => line.trim().split("|"))
    .filter((fields) => fields.length === 3)
    .map(([name = "", uuid = "", bytes = ""]) => ({
      ...{ kind: "volume" as const, path: `/dev/${group}/${name}`, bytes: Number(bytes), detail: "" },
      mark: uuid,
    }));
}

export function loopDevices(): Sight[] {
  return list("/sys/block")
    .filter((entry) => entry.name.startsWith("loop"))
    .flatMap(({ name }) => {
      const file = small(`/sys/block/${name}/loop/backing_file`)?.trim();
      if (file === undefined || file === "") return [];
      return [
        { kind: "loop_device" as const, path: `/dev/${name}`, bytes: 0, detail: file, mark: `${bootId()} ${file}` },
      ];
    });
}

export function mounts(): Sight[] {
  return (small("/proc/self/mountinfo") ?? "").split("\n").flatMap((line) => {
    const [front = "", back = ""] = line.split(" - ");
    const [id, , , , point = ""] = front.split(" ");
    const source = plain(back.split(" ")[1] ?? "");
    if (point === "") return [];
    return [
      { kind: "mount" as const, path: plain(point), bytes: 0, detail: source, mark: `${bootId()} ${id} ${source}` },
    ];
  });
}

/** The kernel writes blanks and the like as three octal digits. */
function plain(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** What a job's script started and left running: its environment holds the job's id. `except`: a session that is not the script's. */
export function processesOf(jobId: string, except: number | undefined): Sight[] {
  return list("/proc").flatMap(({ name }) => {
    const isMarked = /^\d+$/.test(name) && isOfJob(Number(name), jobId);
    const state = isMarked ? stateOf(Number(name)) : undefined;
    if (state === undefined || state.session === except) return [];
    const command = (small(`/proc/${name}/cmdline`) ?? "").split("\0").join(" ").trim().slice(0, 500);
    return [
      { kind: "process" as const, path: name, bytes: 0, detail: command, mark: `${name} ${state.start} ${bootId()}` },
    ];
  });
}

function small(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
