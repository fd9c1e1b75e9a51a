// A new version of one file, put together under a temporary name: from the version that is there, as far as its chunks are the same, from what an earlier
// upload left, and from chunks that arrive. Every chunk that arrives is hashed before it is written.
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, type FileHandle, lstat, mkdir, open, rm, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { Refusal } from "../errors/errors.js";
import { firstMismatch } from "./chunk-hash.js";
import { type ChunkThread, mismatched } from "./chunk-thread.js";
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
/** More than this goes through a thread of its own, which takes some 30 ms and 10 MB. */
const threadBytes = 16 * 1024 * 1024;

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
    if (older !== undefined && assembly.#sharesChunks(older.chunks) && (await copyOf(older, part))) {
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

  /**
   * Takes whole chunks that follow each other; `data` is given away. Those of a large file are hashed and written by the thread. Throws a Refusal when one is not
   * what was promised, be it only later, when the next is taken or when all are waited for; nothing of it is kept.
   */
  async take(first: number, data: Uint8Array, thread: ChunkThread): Promise<void> {
    const last = first + chunkCount(data.length) - 1;
    const end = Math.min((last + 1) * chunkBytes, this.size);
    if (data.length === 0 || first * chunkBytes + data.length !== end)
      throw new Refusal(
        "bad_request",
        `${data.length} bytes from chunk ${first} on do not fit into a file of ${this.size} bytes`,
      );
    while (this.#writes.size >= mostWrites) await Promise.race(this.#writes);
    if (this.#failed !== undefined) throw this.#failed;
    const write: Promise<unknown> = this.#write(first, last, data, thread)
      .catch((error: unknown) => {
        this.#failed ??= noSpaceOr(error, this.part);
      })
      .finally(() => this.#writes.delete(write));
    this.#writes.add(write);
  }

  /** Waits for the writes; throws when chunks are missing. The file is then complete under its temporary name. */
  async finish(): Promise<void> {
    await this.settle();
    const [missing] = this.needed();
    if (missing !== undefined)
      throw new Refusal(
        "bad_request",
        `Chunks ${missing.first} to ${missing.last} of a file of ${this.#have.length} chunks did not come`,
      );
    await this.close();
  }

  /** Waits for the writes, whatever becomes of them. */
  async quiet(): Promise<void> {
    await Promise.all(this.#writes);
  }

  /** Waits for the writes. Throws what became of one that failed. */
  async settle(): Promise<void> {
    await this.quiet();
    if (this.#failed !== undefined) throw this.#failed;
  }

  async close(): Promise<void> {
    await this.quiet();
    await this.#file?.close();
    this.#file = undefined;
  }

  #promised(index: number): Buffer {
    return this.hashes.subarray(index * hashBytes, (index + 1) * hashBytes);
  }

  async #write(first: number, last: number, data: Uint8Array, thread: ChunkThread): Promise<void> {
    // Complete, and being put in place: what comes now is a second copy.
    if (this.#file === undefined) return;
    const hashes = this.hashes.subarray(first * hashBytes, (last + 1) * hashBytes);
    const position = first * chunkBytes;
    if (this.size > threadBytes) {
      await thread.write(first, { fd: this.#file.fd, position, data, chunkBytes, hashes });
    } else {
      const mismatch = firstMismatch(data, chunkBytes, hashes);
      if (mismatch !== undefined) throw mismatched(first + mismatch.chunk, mismatch.hash);
      await this.#file.write(data, 0, data.length, position);
    }
    this.#have.fill(1, first, last + 1);
  }

  /** Whether anything of the older version can be used: a copy of gigabytes for nothing would only keep the disk busy. */
  #sharesChunks(older: Buffer): boolean {
    return this.#have.some((_, index) => this.#isSame(older, index));
  }

  /** Chunks of the older version that are the same. */
  #adopt(older: Buffer): void {
    for (let index = 0; index < this.#have.length; index += 1) if (this.#isSame(older, index)) this.#have[index] = 1;
  }

  /** A last chunk of another length has another hash. */
  #isSame(older: Buffer, index: number): boolean {
    const before = older.subarray(index * hashBytes, (index + 1) * hashBytes);
    return before.length === hashBytes && before.equals(this.#promised(index));
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
