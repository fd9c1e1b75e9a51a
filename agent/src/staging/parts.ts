// Where files lie while they arrive: `.convirt-parts/<tree>-<digest>/<index>.part` in the store, on the same file system as their places, so that a rename puts
// them there. What an upload left before a cut stays and counts, but not for ever.
import { lstat, readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Tree } from "@convirt/proto/staging";

/** What an upload left that nobody went on with is kept so long. */
const limitMs = 7 * 86_400_000;
/** The unit of stat's `blocks`, whatever the file system. */
export const blockBytes = 512;
/** SHA-256 in hexadecimal. */
const digestLength = 64;

export class Parts {
  readonly #folder: string;

  constructor(storeDir: string) {
    this.#folder = join(storeDir, ".convirt-parts");
  }

  fileOf(tree: Tree, index: number): string {
    return join(this.#folderOf(tree), `${index}.part`);
  }

  /** Bytes of these files that are on the disk already: they are taken from what is free. */
  async received(tree: Tree, files: Iterable<number>): Promise<number> {
    const stats = await Promise.all([...files].map((index) => lstat(this.fileOf(tree, index)).catch(() => undefined)));
    return stats.reduce((sum, stat) => sum + (stat?.blocks ?? 0) * blockBytes, 0);
  }

  /** Of every tree, what is old. */
  async sweepOld(): Promise<void> {
    for (const name of await this.#names()) {
      const stat = await lstat(join(this.#folder, name)).catch(() => undefined);
      if (stat !== undefined && Date.now() - stat.mtimeMs > limitMs) await this.#remove(name);
    }
  }

  /** Of one tree, every version but those under way: called when a version has been put in place. */
  async sweepOf(tree: string, underWay: Iterable<Tree>): Promise<void> {
    const kept = new Set([...underWay].map((one) => basename(this.#folderOf(one))));
    for (const name of await this.#names()) {
      const isOfTree = name.startsWith(`${tree}-`) && name.length === tree.length + 1 + digestLength;
      if (isOfTree && !kept.has(name)) await this.#remove(name);
    }
  }

  #folderOf(tree: Tree): string {
    return join(this.#folder, `${tree.name}-${tree.digest}`);
  }

  async #names(): Promise<string[]> {
    return readdir(this.#folder).catch(() => []);
  }

  async #remove(name: string): Promise<void> {
    await rm(join(this.#folder, name), { recursive: true, force: true });
  }
}
