// Writes inside an image's folder. A path from a request is judged by its text, then by what stands on the disk: the folder that a file goes
// to must be, with all links resolved, the folder it says it is. A file is replaced whole, by a rename, or not at all.
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, lstat, mkdir, open, readFile, realpath, rename, rm } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { pathTrouble } from "./names.js";
import { type FoundTree, UnfitTree } from "./walk.js";

/** The absolute path of `path` inside `root`. Throws UnfitTree when it is not a plain path that stays inside. Makes nothing. */
export async function placeInside(root: string, path: string): Promise<string> {
  const trouble = pathTrouble(path);
  if (trouble !== undefined) throw new UnfitTree(path.slice(0, 300), trouble);
  const realRoot = await realpath(root);
  let folder = dirname(join(realRoot, path));
  // The deepest folder that is there decides; those below it are made by us.
  for (;;) {
    try {
      const real = await realpath(folder);
      if (real !== folder || (real !== realRoot && !real.startsWith(realRoot + sep)))
        throw new UnfitTree(path, "a link stands in its way");
      if (!(await lstat(folder)).isDirectory()) throw new UnfitTree(path, "a file stands where a folder is needed");
      break;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "ENOTDIR") throw new UnfitTree(path, "a file stands where a folder is needed");
      if (code !== "ENOENT" || folder === realRoot) throw error;
      folder = dirname(folder);
    }
  }
  return join(realRoot, path);
}

/** The bytes of a plain file of at most `most` bytes and its mode; undefined when there is none. */
export async function readPlain(place: string, most: number): Promise<{ bytes: Buffer; mode: number } | undefined> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (code === "ELOOP") throw new UnfitTree(place, "it is a symbolic link");
    throw error;
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new UnfitTree(place, "it is no file");
    if (stats.size > most)
      throw new UnfitTree(place, `it holds ${stats.size} bytes; ${most} are the most for a text file`);
    return { bytes: await handle.readFile(), mode: stats.mode & 0o100 ? 0o755 : 0o644 };
  } finally {
    await handle.close();
  }
}

/** Puts `bytes` at `place` in one step: a reader sees the old file or the new one, after a crash too. */
export async function replaceFile(place: string, bytes: Buffer, mode: number): Promise<void> {
  await mkdir(dirname(place), { recursive: true, mode: 0o755 });
  const aside = join(dirname(place), `.convirt-${randomBytes(8).toString("hex")}`);
  try {
    const handle = await open(aside, "wx", mode);
    try {
      await handle.writeFile(bytes);
      await handle.chmod(mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const standing = await lstat(place).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (standing !== undefined && !standing.isFile()) throw new UnfitTree(place, "a folder or a link stands there");
    await rename(aside, place);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

/** Copies a walked tree into `target`, which must not exist; block sharing is used where the file system can. */
export async function copyTree(found: FoundTree, target: string): Promise<void> {
  await mkdir(target, { mode: 0o755 });
  for (const { path } of found.folders)
    if (path !== "") await mkdir(join(target, path), { recursive: true, mode: 0o755 });
  for (const file of found.files) {
    const from = await open(
      join(found.root, file.path),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    try {
      // Copying by the open file's own name: what was checked for links is what is copied.
      await copyFile(
        `/proc/self/fd/${from.fd}`,
        join(target, file.path),
        constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE,
      );
    } finally {
      await from.close();
    }
    const to = await open(join(target, file.path), "r+");
    try {
      await to.chmod(file.mode);
    } finally {
      await to.close();
    }
  }
}

/** A text file's contents. Throws UnfitTree when it is not UTF-8 or holds a NUL. */
export function textOf(path: string, bytes: Buffer): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  throw new UnfitTree(path, "it is no text in UTF-8");
}

/** Reads a text file of an image, or undefined when there is none. */
export async function readTextFile(root: string, path: string, most: number): Promise<string | undefined> {
  const bytes = await readFile(join(root, path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (bytes === undefined) return undefined;
  if (bytes.length > most)
    throw new UnfitTree(path, `it holds ${bytes.length} bytes; ${most} are the most for a text file`);
  return bytes.toString("utf8");
}
