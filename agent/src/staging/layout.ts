// Puts finished files into a tree's folder and takes out what the tree does not hold any more. No link is followed: a link where a folder or file belongs is
// refused, for somebody on the host put it there.
import { chmod, lstat, mkdir, readdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Refusal } from "../errors/errors.js";

/** Makes the folders above `path` within `root`; throws a Refusal when one of them is something else. */
async function makeFolders(root: string, path: string): Promise<void> {
  const parts = path.split("/").slice(0, -1);
  let folder = root;
  await mkdir(root, { recursive: true, mode: 0o755 });
  for (const part of ["", ...parts]) {
    folder = part === "" ? root : join(folder, part);
    const stat = await lstat(folder).catch(() => undefined);
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
  await chmod(part, mode);
  await rename(part, target);
}

/** An empty file, which has no chunks. */
export async function placeEmpty(root: string, path: string, mode: number): Promise<void> {
  await makeFolders(root, path);
  const part = join(root, `${path}.convirt-new`);
  await writeFile(part, "", { flag: "wx", mode });
  await place(part, root, path, mode);
}

export async function setMode(root: string, path: string, mode: number): Promise<void> {
  const target = join(root, path);
  if ((await lstat(target)).isFile()) await chmod(target, mode);
}

/** Removes every file and empty folder of `root` that `keep` does not name. */
export async function removeOthers(root: string, keep: ReadonlySet<string>, folder = ""): Promise<void> {
  for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      await removeOthers(root, keep, path);
      const isKept = [...keep].some((one) => one.startsWith(`${path}/`));
      if (!isKept) await rmdir(join(root, path));
    } else if (!keep.has(path)) await rm(join(root, path));
  }
}
