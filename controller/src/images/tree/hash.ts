// Hashes files and trees as the conversation with the agent defines it (staging.proto): SHA-256 of each file, of each of its chunks of
// 256 KiB, and of the tree's manifest. One read serves file and chunks. The chunks are hashed on the thread pool while the file's own hash,
// which cannot be split, goes on here in slices of a fraction of a millisecond, so that the API answers meanwhile.
import { createHash, webcrypto } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { settlesInMs } from "./sweep.js";
import { type FoundFile, type FoundTree, type Stamp, sameStamp, stampOf } from "./walk.js";

export const chunkBytes = 262_144;
const readBytes = 4 * chunkBytes;
/** More takes longer to read than its stamp to settle. */
const worthWaitingBytes = 16 * 1024 * 1024;

export interface FileHash {
  sha256: Buffer;
  /** SHA-256 of each chunk, 32 bytes each, joined. */
  chunkHashes: Buffer;
}

export interface TreeFile extends FileHash {
  path: string;
  mode: number;
  size: number;
}

/** A folder of the store as it is staged: the image itself, `common` or `custom_scripts`. */
export interface Tree {
  name: string;
  /** Hexadecimal, as staging.proto defines it. */
  digest: string;
  bytes: number;
  /** Absolute folder that `files` are relative to. */
  root: string;
  files: TreeFile[];
}

/** Where hashes of files that were read once are kept. */
export interface HashMemory {
  recall(path: string, stamp: Stamp): FileHash | undefined;
  /** `begunMs` is when the reading began: a stamp that was younger than a clock tick then may hide a change. */
  keep(path: string, stamp: Stamp, hash: FileHash, begunMs: number): void;
}

/** A file became another while it was read: the caller walks the tree again. */
export class ChangedWhileRead extends Error {
  constructor(path: string) {
    super(`"${path}" changed while it was read`);
    this.name = "ChangedWhileRead";
  }
}

/** Hashes what `memory` does not know and gives the tree with its digest. Throws ChangedWhileRead when a file moves under it. */
export async function hashTree(
  name: string,
  found: FoundTree,
  memory: HashMemory,
  signal?: AbortSignal,
): Promise<Tree> {
  const files: TreeFile[] = [];
  for (const file of found.files) {
    signal?.throwIfAborted();
    const path = join(found.root, file.path);
    let hash = memory.recall(path, file.stamp);
    if (hash === undefined) {
      // One whose hash could not be kept would be read again for the next who asks.
      const waitMs = file.stamp.size > worthWaitingBytes ? settlesInMs(file.stamp) : 0;
      if (waitMs > 0) await delay(waitMs, undefined, { signal });
      const begunMs = Date.now();
      hash = await hashFile(path, file, signal);
      memory.keep(path, file.stamp, hash, begunMs);
    }
    files.push({ path: file.path, mode: file.mode, size: Number(file.stamp.size), ...hash });
  }
  return { name, digest: treeDigest(files), bytes: Number(found.bytes), root: found.root, files };
}

/** SHA-256 (hex) over the lines `<mode> <size> <sha256> <path>\n`, in the order given: sorted by the bytes of the paths. */
export function treeDigest(files: readonly Pick<TreeFile, "path" | "mode" | "size" | "sha256">[]): string {
  const digest = createHash("sha256");
  for (const file of files) {
    digest.update(
      `${file.mode.toString(8).padStart(4, "0")} ${file.size} ${file.sha256.toString("hex")} ${file.path}\n`,
    );
  }
  return digest.digest("hex");
}

async function hashFile(path: string, file: FoundFile, signal: AbortSignal | undefined): Promise<FileHash> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!sameStamp(stampOf(await handle.stat({ bigint: true })), file.stamp)) throw new ChangedWhileRead(file.path);
    const whole = createHash("sha256");
    const chunks: Promise<ArrayBuffer>[] = [];
    const buffers = [Buffer.allocUnsafe(readBytes), Buffer.allocUnsafe(readBytes)] as const;
    let size = 0n;
    let turn: 0 | 1 = 0;
    let reading = handle.read(buffers[turn], 0, readBytes, 0);
    for (;;) {
      const { bytesRead, buffer } = await reading;
      if (bytesRead === 0) break;
      signal?.throwIfAborted();
      size += BigInt(bytesRead);
      if (size > file.stamp.size) throw new ChangedWhileRead(file.path);
      turn = turn === 0 ? 1 : 0;
      // A short read is the end of the file or a change; both show when the size is compared below.
      reading = handle.read(buffers[turn], 0, readBytes, Number(size));
      for (let from = 0; from < bytesRead; from += chunkBytes) {
        const chunk = buffer.subarray(from, Math.min(from + chunkBytes, bytesRead));
        chunks.push(webcrypto.subtle.digest("SHA-256", chunk));
        whole.update(chunk);
      }
      // The digests hold copies of their bytes only once they have begun; the buffer is filled again two turns from now.
      await chunks.at(-1);
      if (bytesRead < readBytes && size < file.stamp.size) throw new ChangedWhileRead(file.path);
    }
    if (size !== file.stamp.size || !sameStamp(stampOf(await handle.stat({ bigint: true })), file.stamp)) {
      throw new ChangedWhileRead(file.path);
    }
    const joined = Buffer.concat((await Promise.all(chunks)).map((chunk) => new Uint8Array(chunk)));
    return { sha256: whole.digest(), chunkHashes: joined };
  } finally {
    await handle.close();
  }
}
