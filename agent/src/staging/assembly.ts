// A new version of one file: from the version that is there, as far as its chunks are the same, from what an earlier upload left, and from chunks that arrive. What
// arrives is hashed, and lies under a temporary name until the whole is put in place.
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { Refusal } from "../errors/errors.js";
import { firstMismatch } from "./chunk-hash.js";
import { type ChunkThread, mismatched } from "./chunk-thread.js";
import { place } from "./layout.js";
import { ChangedMeanwhile, clone, fill, isWorthPatching, type Older, openAlone, patch, type Span } from "./older.js";
import { looksOf } from "./record.js";
import { chunkBytes, chunkCount, hashBytes } from "./tree.js";

/** Writes that may be under way at once: enough to keep the disk busy, few enough to bound memory (8 MiB). */
const mostWrites = 8;
/** More than this goes through a thread of its own, which takes some 30 ms and 10 MB. */
const threadBytes = 16 * 1024 * 1024;
const zeroChunkHash = createHash("sha256").update(Buffer.alloc(chunkBytes)).digest();

export class Assembly {
  readonly hashes: Buffer;
  readonly size: number;
  readonly part: string;
  /** The chunks that are under the temporary name. */
  readonly #have: Uint8Array;
  /** Those that the older version has, and that are taken from there when the file is put in place. */
  readonly #borrowed: Uint8Array;
  #older: Older | undefined;
  #file: FileHandle | undefined;
  #writes = new Set<Promise<unknown>>();
  #failed: unknown;

  private constructor(part: string, size: number, hashes: Buffer) {
    this.part = part;
    this.size = size;
    this.hashes = hashes;
    this.#have = new Uint8Array(chunkCount(size));
    this.#borrowed = new Uint8Array(chunkCount(size));
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
    if (older !== undefined) await assembly.#beginWith(older, left !== undefined);
    assembly.#file = await open(part, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    await assembly.#file.truncate(size);
    if (left?.isFile()) await assembly.#rehash();
    else if (!assembly.#have.includes(1)) assembly.#adoptHoles();
    return assembly;
  }

  /** Whether a write failed: what is taken after that is lost, and the file is to be begun again. */
  get isBroken(): boolean {
    return this.#failed !== undefined;
  }

  /** Chunks that are to be sent, as ascending ranges. */
  needed(): Range[] {
    return rangesWhere(this.#have.length, (index) => !this.#have[index] && !this.#borrowed[index]);
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

  /**
   * Waits for the writes, and brings what the older version has where that is not to be written to; the file can then be put in place. Throws a Refusal when chunks
   * are missing or the older version has changed.
   */
  async finish(): Promise<void> {
    await this.settle();
    const [missing] = this.needed();
    if (missing !== undefined)
      throw new Refusal(
        "bad_request",
        `Chunks ${missing.first} to ${missing.last} of a file of ${this.#have.length} chunks did not come`,
      );
    if (this.#older === undefined) return;
    if ((await looksOf(this.#older.path)) !== this.#older.looks) throw new ChangedMeanwhile(this.#older.path);
    // Asked for now and again when it is done: to copy gigabytes then would leave the tree in between for long.
    const alone = await this.#openAlone(this.#older);
    if (alone === undefined) await this.#fill(this.#older);
    await alone?.close();
  }

  /** Puts a file that is finished in its place, with this mode. */
  async place(root: string, path: string, mode: number): Promise<void> {
    if (this.#older !== undefined && (await this.#patch(this.#older, mode))) return;
    if (this.#older !== undefined) await this.#fill(this.#older);
    await this.close();
    await place(this.part, root, path, mode);
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

  /** Writes what came into the older version; false, and nothing is written, when that must not be. */
  async #patch(older: Older, mode: number): Promise<boolean> {
    const target = await this.#openAlone(older);
    if (target === undefined) return false;
    try {
      await patch(target, this.#open(), { spans: this.#spansOf(this.#have), size: this.size, mode });
    } finally {
      await target.close();
    }
    await this.close();
    return true;
  }

  async #openAlone(older: Older): Promise<FileHandle | undefined> {
    const bytes = this.#spansOf(this.#have).reduce((sum, { start, end }) => sum + end - start, 0);
    return isWorthPatching(this.size, bytes) ? openAlone(older) : undefined;
  }

  async #fill(older: Older): Promise<void> {
    await fill(older, this.#open(), this.#spansOf(this.#borrowed));
    for (const [index, isBorrowed] of this.#borrowed.entries()) if (isBorrowed) this.#have[index] = 1;
    this.#borrowed.fill(0);
    this.#older = undefined;
  }

  #open(): FileHandle {
    if (this.#file === undefined) throw new Error(`${this.part} is closed`);
    return this.#file;
  }

  /** The bytes of the chunks that are marked. */
  #spansOf(marks: Uint8Array): Span[] {
    return rangesWhere(marks.length, (index) => marks[index] === 1).map(({ first, last }) => ({
      start: first * chunkBytes,
      end: Math.min((last + 1) * chunkBytes, this.size),
    }));
  }

  async #beginWith(older: Older, hasPart: boolean): Promise<void> {
    const shared = this.#have.map((_, index) => (this.#isSame(older.chunks, index) ? 1 : 0));
    if (!shared.includes(1)) return;
    if (!hasPart && (await clone(older, this.part))) this.#have.set(shared);
    else {
      this.#borrowed.set(shared);
      this.#older = older;
    }
  }

  /** A new file reads as zeros, which disks are full of: those chunks need not come, and take no room. */
  #adoptHoles(): void {
    for (let index = 0; index < this.#have.length; index += 1)
      if (!this.#borrowed[index] && this.#promised(index).equals(zeroChunkHash)) this.#have[index] = 1;
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
      if (this.#borrowed[index]) continue;
      const length = Math.min(chunkBytes, this.size - index * chunkBytes);
      await this.#file?.read(buffer, 0, length, index * chunkBytes);
      if (createHash("sha256").update(buffer.subarray(0, length)).digest().equals(this.#promised(index)))
        this.#have[index] = 1;
    }
  }
}

/** Chunks that follow each other, by number. */
interface Range {
  first: number;
  last: number;
}

/** The numbers below `count` of which it holds, those that follow each other as one range. */
function rangesWhere(count: number, holds: (index: number) => boolean): Range[] {
  const ranges: Range[] = [];
  for (let index = 0; index < count; index += 1) {
    const open = ranges.at(-1);
    if (!holds(index)) continue;
    if (open?.last === index - 1) open.last = index;
    else ranges.push({ first: index, last: index });
  }
  return ranges;
}

/** A full disk is the host's answer to the request, not a fault of ours. */
export function noSpaceOr(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOSPC" || code === "EDQUOT") return new Refusal("no_space", `Cannot write ${path}: the disk is full`);
  if (code === "EROFS") return new Refusal("no_space", `Cannot write ${path}: the file system is read-only`);
  return error;
}
