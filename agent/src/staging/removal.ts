// Takes an image's tree out of the store: renamed aside in one step, so that it is there whole or not at all, and deleted then. What a removal that was cut left
// aside is deleted at the next start. What no record tells of was not staged, and is not ours to remove.
import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Tree } from "@convirt/proto/staging";
import { syncFolder } from "../disk/durable.js";
import { Refusal } from "../errors/errors.js";
import { noSpaceOr } from "./assembly.js";
import type { TreeLocks } from "./locks.js";
import { blockBytes, type Parts } from "./parts.js";
import type { Records } from "./record.js";
import { checkTreeName, sharedTrees } from "./tree.js";

/** Names a job under way that needs the tree; undefined when there is none. */
export type UserOf = (tree: string) => string | undefined;

export interface RemovalDependencies {
  storeDir: string;
  records: Records;
  parts: Parts;
  locks: TreeLocks;
}

/** What the file system says of a folder that something is mounted on. */
const mountedOn: ReadonlySet<string | undefined> = new Set(["EBUSY", "EXDEV"]);

export class Removal {
  readonly #deps: RemovalDependencies;
  readonly #aside: string;

  constructor(deps: RemovalDependencies) {
    this.#deps = deps;
    this.#aside = join(deps.storeDir, ".convirt-removed");
  }

  /**
   * Removes the tree, and what uploads of it left but for those `underWay`; the bytes of the tree that it freed. Throws a Refusal for what is no image, is not
   * staged, or is in use. The signal ends the wait for whoever has the tree, and nothing after that.
   */
  async remove(
    tree: string,
    { userOf, underWay }: { userOf: UserOf; underWay: () => Iterable<Tree> },
    signal: AbortSignal,
  ): Promise<number> {
    const { records, parts, locks } = this.#deps;
    checkTreeName(tree, "remove");
    if (sharedTrees.has(tree))
      throw new Refusal("bad_request", `Cannot remove "${tree}" from this host: the scripts of all images use it`);
    refuseInUse(tree, userOf);
    const release = await locks.exclusive(tree, signal);
    try {
      // A job may have come while we waited.
      refuseInUse(tree, userOf);
      const aside = records.get(tree) === undefined ? undefined : await this.#putAside(tree);
      records.drop(tree);
      if (aside === undefined) throw new Refusal("not_found", `There is no image "${tree}" staged on this host`);
      await parts.sweepOf(tree, underWay());
      await rm(aside.path, { recursive: true });
      return aside.bytes;
    } catch (error) {
      throw noSpaceOr(error, tree);
    } finally {
      release();
    }
  }

  /** At start: deletes what a removal that was cut left. */
  async sweep(): Promise<void> {
    await rm(this.#aside, { recursive: true, force: true });
  }

  /** Undefined when there is no such folder. Throws a Refusal when it is not as staging made it: a link, or with another file system in it. */
  async #putAside(tree: string): Promise<{ path: string; bytes: number } | undefined> {
    const folder = join(this.#deps.storeDir, tree);
    const stat = await statOf(folder);
    if (stat === undefined) return undefined;
    if (!stat.isDirectory())
      throw new Refusal(
        "path_unsafe",
        `Cannot remove ${folder}: it is ${stat.isSymbolicLink() ? "a link" : "no folder"}`,
      );
    const bytes = await bytesOf(folder, stat.dev);
    await mkdir(this.#aside, { recursive: true, mode: 0o700 });
    const path = join(this.#aside, `${tree}-${randomBytes(8).toString("hex")}`);
    await rename(folder, path).catch((error: NodeJS.ErrnoException) => {
      throw mountedOn.has(error.code) ? mounted(folder) : error;
    });
    // A power cut must not bring back a folder of which parts are deleted.
    for (const changed of [this.#aside, this.#deps.storeDir]) syncFolder(changed);
    return { path, bytes };
  }
}

function refuseInUse(tree: string, userOf: UserOf): void {
  const job = userOf(tree);
  if (job === undefined) return;
  throw new Refusal(
    "image_in_use",
    `Cannot remove image "${tree}" from this host: job ${job} is under way and uses it`,
  );
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Bytes that deleting the folder frees: what has another name elsewhere frees none. */
async function bytesOf(folder: string, device: number): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const stat = await lstat(path);
    if (stat.dev !== device) throw mounted(path);
    if (stat.isDirectory()) bytes += await bytesOf(path, device);
    else if (stat.nlink === 1) bytes += stat.blocks * blockBytes;
  }
  return bytes;
}

function mounted(path: string): Refusal {
  return new Refusal("path_unsafe", `Cannot remove ${path}: another file system is mounted there`);
}
