// Where a job may make something on its host, and how what is found there is told from what is another's. Names decide, and a name that is the start of another's
// decides for the longer one: `web.1.img` is of `web.1` as soon as this host knows a VM, a job or a configuration of that name.
import { basename, dirname } from "node:path";

export interface Footprint {
  jobId: string;
  vmName: string;
  vmUuid: string;
  /** Paths of its disks. */
  targets: readonly string[];
  configPath: string;
  /** Folders in which the script may write for this VM: of its disks, of its configuration, of the image. */
  folders: readonly string[];
}

/** The others on this host whose things are not ours. */
export interface Others {
  names: ReadonlySet<string>;
  paths: ReadonlySet<string>;
}

const behindName = /^[._-]/;

export function isOf(footprint: Footprint, path: string, others: Others): boolean {
  if (others.paths.has(path)) return false;
  if (footprint.targets.includes(path) || footprint.configPath === path) return true;
  if (!footprint.folders.includes(dirname(path))) return false;
  // Beside a disk, under its name and more: what a script writes before it renames.
  if (footprint.targets.some((target) => path.startsWith(`${target}.`)))
    return !isNamedByOther(footprint, path, others);
  return carries(path, footprint.vmName) && !isNamedByOther(footprint, path, others);
}

function carries(path: string, name: string): boolean {
  const file = basename(path);
  return file === name || (file.startsWith(name) && behindName.test(file.slice(name.length)));
}

function isNamedByOther(footprint: Footprint, path: string, others: Others): boolean {
  for (const name of others.names) {
    if (name.length > footprint.vmName.length && name.startsWith(footprint.vmName) && carries(path, name)) return true;
  }
  for (const taken of others.paths) if (path.startsWith(`${taken}.`)) return true;
  return false;
}

/** The volume group and the volume that a path names; undefined when it names none. */
export function volumeOf(path: string): { group: string; volume: string } | undefined {
  const match = /^\/dev\/([A-Za-z0-9+_.][A-Za-z0-9+_.-]*)\/([A-Za-z0-9+_.][A-Za-z0-9+_.-]*)$/.exec(path);
  const [, group = "", volume = ""] = match ?? [];
  const isOurs = match !== null && !["mapper", "disk", "etherd", "loop", "pts", "shm"].includes(group);
  return isOurs ? { group, volume } : undefined;
}
