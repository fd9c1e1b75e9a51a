// Reads which files a folder of the store holds, without reading the files. It follows no link, ever: a link, a device, a second name of a
// file elsewhere on the host (hard link) would let an image carry what its author may not read. Such a folder is refused whole.
import type { BigIntStats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathTrouble } from "./names.js";

export const maxFiles = 10_000;

/** What tells one state of a file from another without reading it. */
export interface Stamp {
  size: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
  ino: bigint;
}

export interface FoundFile {
  /** Relative to the tree's root, with `/`. */
  path: string;
  /** 0o755 when its owner may execute it, else 0o644: all that a tree carries. */
  mode: number;
  stamp: Stamp;
}

export interface FoundTree {
  root: string;
  /** Sorted by the bytes of their paths. */
  files: FoundFile[];
  /** The folders, the root as "", with their stamps: an entry that comes or goes changes its folder's. */
  folders: { path: string; stamp: Stamp }[];
  bytes: bigint;
  /** The newest change of all, in milliseconds since 1970. */
  changedAtMs: number;
}

/** A folder that cannot be a tree of the store; names the file and what is wrong with it. */
export class UnfitTree extends Error {
  readonly file: string;
  constructor(file: string, trouble: string) {
    super(`"${file}" cannot be in an image: ${trouble}`);
    this.name = "UnfitTree";
    this.file = file;
  }
}

export function stampOf(stats: BigIntStats): Stamp {
  return { size: stats.size, mtimeNs: stats.mtimeNs, ctimeNs: stats.ctimeNs, ino: stats.ino };
}

export function sameStamp(a: Stamp, b: Stamp): boolean {
  return a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.size === b.size && a.ino === b.ino;
}

function kindTrouble(stats: BigIntStats): string | undefined {
  if (stats.isSymbolicLink()) return "it is a symbolic link";
  if (stats.isFIFO()) return "it is a named pipe";
  if (stats.isSocket()) return "it is a socket";
  if (stats.isBlockDevice() || stats.isCharacterDevice()) return "it is a device";
  if (stats.isFile() && stats.nlink > 1n) return "it is a hard link: the same file has another name";
  return undefined;
}

/**
 * Walks `root`. Throws UnfitTree for the first entry that an image cannot hold, or when there are more than `maxFiles`; errors of the file
 * system pass as they are.
 */
export async function walkTree(root: string): Promise<FoundTree> {
  const found: FoundTree = { root, files: [], folders: [], bytes: 0n, changedAtMs: 0 };
  const waiting: string[] = [""];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const stats = await lstat(join(root, folder), { bigint: true });
    if (!stats.isDirectory())
      throw new UnfitTree(folder === "" ? root : folder, kindTrouble(stats) ?? "it is no folder");
    found.folders.push({ path: folder, stamp: stampOf(stats) });
    for (const name of await readdir(join(root, folder), { encoding: "buffer" })) {
      const path = folder === "" ? name.toString("utf8") : `${folder}/${name.toString("utf8")}`;
      await take(found, waiting, path);
    }
    found.changedAtMs = Math.max(found.changedAtMs, Number(stats.mtimeNs / 1_000_000n));
  }
  found.files.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  return found;
}

async function take(found: FoundTree, waiting: string[], path: string): Promise<void> {
  const nameTrouble = pathTrouble(path);
  if (nameTrouble !== undefined) throw new UnfitTree(printable(path), nameTrouble);
  const stats = await lstat(join(found.root, path), { bigint: true });
  const trouble = kindTrouble(stats);
  if (trouble !== undefined) throw new UnfitTree(path, trouble);
  if (found.files.length + found.folders.length + waiting.length >= maxFiles) {
    throw new UnfitTree(path, `there are more than ${maxFiles} files and folders`);
  }
  if (stats.isDirectory()) {
    waiting.push(path);
    return;
  }
  found.files.push({ path, mode: (stats.mode & 0o100n) === 0n ? 0o644 : 0o755, stamp: stampOf(stats) });
  found.bytes += stats.size;
  found.changedAtMs = Math.max(found.changedAtMs, Number(stats.mtimeNs / 1_000_000n));
}

/** `text` with control characters as `\u…`, so that a file's name cannot write into a terminal or a log. */
export function printable(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
