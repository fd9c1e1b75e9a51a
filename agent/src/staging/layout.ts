// Puts finished files into a tree's folder and takes out what the tree does not hold any more. No link is followed: a link where a folder or file belongs is
// refused, for somebody on the host put it there.
import { constants } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Refusal } from "../errors/errors.js";

const slowToFreeBytes = 64 * 1024 * 1024;

/** Makes the folders above `path` within `root`. A file of an older version in a folder's place goes; at anything else a Refusal is thrown. */
async function makeFolders(root: string, path: string): Promise<void> {
  const parts = path.split("/").slice(0, -1);
  let folder = root;
  await mkdir(root, { recursive: true, mode: 0o755 });
  for (const part of ["", ...parts]) {
    folder = part === "" ? root : join(folder, part);
    let stat = await lstat(folder).catch(() => undefined);
    if (stat?.isFile() && folder !== root) {
      await rm(folder);
      stat = undefined;
    }
    if (stat === undefined) await mkdir(folder, { mode: 0o755 });
    else if (!stat.isDirectory())
      throw new Refusal(
        "path_unsafe",
        `Cannot stage into ${folder}: it is ${stat.isSymbolicLink() ? "a link" : "no folder"}`,
      );
  }
}

/** Moves a finished file into place. */
export async function place(part: string, root: string, path: string, mode: number): Promise<void> {
  await makeFolders(root, path);
  const target = join(root, path);
  const stat = await lstat(target).catch(() => undefined);
  if (stat?.isDirectory()) await rm(target, { recursive: true });
  else if (stat !== undefined && !stat.isFile())
    throw new Refusal("path_unsafe", `Cannot stage ${target}: a link or special file is in its place`);
  // To free what a large file had takes its time, and is done when the last who has it open closes it: nobody is to wait for that.
  const before =
    stat?.isFile() && stat.size >= slowToFreeBytes
      ? await open(target, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      : undefined;
  try {
    await chmod(part, mode);
    await rename(part, target);
  } finally {
    // It was only read from: there is nothing that closing could lose.
    before?.close().catch(() => undefined);
  }
}

/** An empty file, which has no chunks; `part` is where it is made. */
export async function placeEmpty(part: string, root: string, path: string, mode: number): Promise<void> {
  await mkdir(dirname(part), { recursive: true, mode: 0o700 });
  await writeFile(part, "");
  await place(part, root, path, mode);
}

export async function setMode(root: string, path: string, mode: number): Promise<void> {
  const target = join(root, path);
  if ((await lstat(target)).isFile()) await chmod(target, mode);
}

/** Removes every file and empty folder of `root` that `keep` does not name. */
export async function removeOthers(root: string, keep: ReadonlySet<string>): Promise<void> {
  const folders = new Set<string>();
  for (const path of keep)
    for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1))
      folders.add(path.slice(0, slash));
  const sweep = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (!entry.isDirectory()) {
        if (!keep.has(path)) await rm(join(root, path));
      } else if (folders.has(path)) await sweep(path);
      else await rm(join(root, path), { recursive: true });
    }
  };
  await sweep("");
}
