// What is known of a tree that is on this host: for each file its hash, the hashes of its chunks, and how it looked when they were true (size, times, inode).
// As long as it looks so, it is not read again; that is how git's index does it. After a reboot nothing is taken on trust: what was not yet on the disk when
// the power went would look right and be wrong.
import {
  type BigIntStats,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";
import { diskTrouble } from "../disk/durable.js";

const fileRecord = z.object({
  path: z.string(),
  mode: z.number(),
  size: z.number(),
  sha256: z.string(),
  /** Hashes of the chunks, joined, as base64. */
  chunks: z.string(),
  looks: z.string(),
});
const treeRecord = z.object({
  name: z.string(),
  digest: z.string(),
  stagedAt: z.string(),
  bootId: z.string(),
  files: z.array(fileRecord),
});
export type FileRecord = z.infer<typeof fileRecord>;
export type TreeRecord = z.infer<typeof treeRecord>;

export class Records {
  readonly #folder: string;
  readonly #known = new Map<string, TreeRecord>();

  constructor(stateDir: string) {
    this.#folder = join(stateDir, "staged");
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** What was last committed under this name. A record that cannot be read counts as none: the tree is then staged anew. */
  get(name: string): TreeRecord | undefined {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    let text: string;
    try {
      text = readFileSync(this.#path(name), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    const parsed = treeRecord.safeParse(fromJson(text));
    if (parsed.success) this.#known.set(name, parsed.data);
    return parsed.success ? parsed.data : undefined;
  }

  put(record: TreeRecord): void {
    const path = this.#path(record.name);
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${path}.new`, path);
    this.#known.set(record.name, record);
  }

  /** A job begins to use the tree. The record's own time says when: what it holds is large, and is not written again for that. */
  used(name: string): void {
    const at = new Date();
    try {
      utimesSync(this.#path(name), at, at);
    } catch (error) {
      // It is not here yet, and will be used when it is; and no job fails for a time that a disk does not take.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" && diskTrouble(error) === undefined) throw error;
    }
  }

  /** When the tree was last used or staged. */
  usedAt(name: string): Date {
    return statSync(this.#path(name)).mtime;
  }

  drop(name: string): void {
    rmSync(this.#path(name), { force: true });
    this.#known.delete(name);
  }

  #path(name: string): string {
    return join(this.#folder, `${name}.json`);
  }
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** How a file looks: anything that changes its bytes changes this. Undefined when it is not a plain file. */
export async function looksOf(path: string): Promise<string | undefined> {
  const stat = await lstat(path, { bigint: true }).catch(() => undefined);
  return stat === undefined ? undefined : looksOfStat(stat);
}

/** The same of a file that is open. */
export function looksOfStat(stat: BigIntStats): string | undefined {
  return stat.isFile() ? [stat.size, stat.mtimeNs, stat.ctimeNs, stat.ino, stat.mode & 0o777n].join(":") : undefined;
}
