// A new version of one file, put together under a temporary name: from the version that is there, as far as its chunks are the same, from what an earlier
// upload left, and from chunks that arrive. Every chunk that arrives is hashed before it is written.
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, type FileHandle, lstat, mkdir, open, rm, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { Refusal } from "../errors/errors.js";
import { looksOf } from "./record.js";
import { chunkBytes, chunkCount, hashBytes } from "./tree.js";

export interface Older {
  path: string;
  /** Hashes of its chunks, joined. */
  chunks: Buffer;
  /** How it looked when they were true. */
  looks: string;
}

/** Writes that may be under way at once: enough to keep the disk busy, few enough to bound memory (8 MiB). */
const mostWrites = 8;

export class Assembly {
  readonly hashes: Buffer;
  readonly size: number;
  readonly part: string;
  readonly #have: Uint8Array;
  #file: FileHandle | undefined;
  #writes = new Set<Promise<unknown>>();
  #failed: unknown;

  private constructor(part: string, size: number, hashes: Buffer) {
    this.part = part;
    this.size = size;
    this.hashes = hashes;
    this.#have = new Uint8Array(chunkCount(size));
  }

  /** Prepares the temporary file and finds out which chunks it holds already. */
  static async begin(part: string, size: number, hashes: Buffer, older: Older | undefined): Promise<Assembly> {
    if (hashes.length !== chunkCount(size) * hashBytes)
      throw new Refusal(
        "bad_request",
        `${hashes.length / hashBytes} chunk hashes came for a file of ${chunkCount(size)} chunks`,
      );
    const assembly = new Assembly(part, size, hashes);
    await mkdir(dirname(part), { recursive: true, mode: 0o700 });
    const left = await lstat(part).catch(() => undefined);
    if (left?.isFile()) {
      assembly.#file = await open(part, constants.O_RDWR | constants.O_NOFOLLOW);
      await assembly.#file.truncate(size);
      await assembly.#rehash();
      return assembly;
    }
    if (older !== undefined && (await copyOf(older, part))) {
      await truncate(part, size);
      assembly.#adopt(older.chunks);
    }
    assembly.#file = await open(part, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    await assembly.#file.truncate(size);
    return assembly;
  }

  /** Whether a write failed: what is taken after that is lost, and the file is to be begun again. */
  get isBroken(): boolean {
    return this.#failed !== undefined;
  }

  /** Chunks that are to be sent, as ascending ranges. */
  needed(): { first: number; last: number }[] {
    const ranges: { first: number; last: number }[] = [];
    for (const [index, had] of this.#have.entries()) {
      const open = ranges.at(-1);
      if (had) continue;
      if (open !== undefined && open.last === index - 1) open.last = index;
      else ranges.push({ first: index, last: index });
    }
    return ranges;
  }

  /** Takes whole chunks that follow each other. Throws a Refusal when one is not what was promised; nothing of it is kept. */
  async take(first: number, data: Uint8Array): Promise<void> {
    for (let at = 0, index = first; at < data.length; index += 1) {
      const length = Math.min(chunkBytes, this.size - index * chunkBytes);
      if (index >= this.#have.length || length <= 0 || at + length > data.length)
        throw new Refusal("bad_request", `Chunk ${index} does not fit into a file of ${this.size} bytes`);
      this.#check(index, data.subarray(at, at + length));
      at += length;
    }
    while (this.#writes.size >= mostWrites) await Promise.race(this.#writes);
    if (this.#failed !== undefined) throw this.#failed;
    const write: Promise<unknown> = this.#write(first, data)
      .catch((error: unknown) => {
        this.#failed ??= noSpaceOr(error, this.part);
      })
      .finally(() => this.#writes.delete(write));
    this.#writes.add(write);
  }

  /** Waits for the writes; throws when chunks are missing. The file is then complete under its temporary name. */
  async finish(): Promise<void> {
    await this.settle();
    if (this.#failed !== undefined) throw this.#failed;
    const [missing] = this.needed();
    if (missing !== undefined)
      throw new Refusal(
        "bad_request",
        `Chunks ${missing.first} to ${missing.last} of a file of ${this.#have.length} chunks did not come`,
      );
    await this.close();
  }

  async settle(): Promise<void> {
    await Promise.all(this.#writes);
  }

  async close(): Promise<void> {
    await this.settle();
    await this.#file?.close();
    this.#file = undefined;
  }

  #check(index: number, chunk: Uint8Array): void {
    const hash = createHash("sha256").update(chunk).digest();
    if (!hash.equals(this.#promised(index)))
      throw new Refusal(
        "digest_mismatch",
        `Chunk ${index} is not what was promised: it has the SHA-256 ${hash.toString("hex")}`,
      );
  }

  #promised(index: number): Buffer {
    return this.hashes.subarray(index * hashBytes, (index + 1) * hashBytes);
  }

  async #write(first: number, data: Uint8Array): Promise<void> {
    // Complete, and being put in place: what comes now is a second copy.
    if (this.#file === undefined) return;
    await this.#file.write(data, 0, data.length, first * chunkBytes);
    this.#have.fill(1, first, first + Math.ceil(data.length / chunkBytes));
  }

  /** Chunks of the older version that are the same. A last chunk of another length has another hash. */
  #adopt(older: Buffer): void {
    for (let index = 0; index < this.#have.length; index += 1) {
      const before = older.subarray(index * hashBytes, (index + 1) * hashBytes);
      if (before.length === hashBytes && before.equals(this.#promised(index))) this.#have[index] = 1;
    }
  }

  /** After a cut: what is in the temporary file counts only as far as it is read and agrees. */
  async #rehash(): Promise<void> {
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (let index = 0; index < this.#have.length; index += 1) {
      const length = Math.min(chunkBytes, this.size - index * chunkBytes);
      await this.#file?.read(buffer, 0, length, index * chunkBytes);
      if (createHash("sha256").update(buffer.subarray(0, length)).digest().equals(this.#promised(index)))
        this.#have[index] = 1;
    }
  }
}

/** Copies the older version; false, and no copy, when it was replaced meanwhile: what was known of it is then true of another file. */
async function copyOf(older: Older, part: string): Promise<boolean> {
  await copyFile(older.path, part, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  if ((await looksOf(older.path)) === older.looks) return true;
  await rm(part);
  return false;
}

/** A full disk is the host's answer to the request, not a fault of ours. */
export function noSpaceOr(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOSPC" || code === "EDQUOT") return new Refusal("no_space", `Cannot write ${path}: the disk is full`);
  if (code === "EROFS") return new Refusal("no_space", `Cannot write ${path}: the file system is read-only`);
  return error;
}
