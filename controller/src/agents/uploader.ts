// Sends the chunks of large files from a thread of its own. Gigabytes pass through here as large buffers, and a thread whose heap holds nothing else collects
// them in a moment; the main thread, with all of the controller in its heap, would spend most of its time on that and answer nobody meanwhile.
import { createHash } from "node:crypto";
import { readSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import type { HostAccess } from "./host-access.js";
import { chunkBytes, messageChunks } from "./sendable.js";
import { EndedByHost, UploadFailed, type UploadWay } from "./upload-way.js";

export interface UploadOrder {
  access: HostAccess;
  name: string;
  treeDigest: string;
  /** Absolute folder of the tree. */
  root: string;
  files: {
    index: number;
    path: string;
    size: number;
    chunkHashes: Uint8Array;
    ranges: { first: number; last: number }[];
  }[];
}

/** What the worker says: bytes that have left since it last said so, and how it ended. */
export type UploadNews =
  | { kind: "sent"; bytes: number }
  | { kind: "done" }
  | { kind: "changed"; path: string }
  | { kind: "failed"; code: number; details: string; agentCode: string | undefined };

const hashBytes = 32;
/** More often nobody looks, and each telling wakes the main thread. */
const tellEveryMs = 100;

type OpenWay = (access: HostAccess) => Promise<UploadWay>;

class Changed extends Error {}

async function upload(order: UploadOrder, openWay: OpenWay, say: (news: UploadNews) => void): Promise<void> {
  const way = await openWay(order.access);
  try {
    await send(order, way, say);
    await way.finish();
  } catch (error) {
    // That it was ended under us is said better by the host's answer, which comes in any case.
    if (!(error instanceof EndedByHost)) throw error;
    await way.finish();
  } finally {
    way.close();
  }
}

async function send(order: UploadOrder, way: UploadWay, say: (news: UploadNews) => void): Promise<void> {
  const { name, treeDigest } = order;
  let untold = 0;
  let toldMs = performance.now();
  const tell = () => {
    if (untold > 0) say({ kind: "sent", bytes: untold });
    untold = 0;
    toldMs = performance.now();
  };
  for (const file of order.files) {
    const handle = await open(join(order.root, file.path), "r");
    try {
      for (const { first, last } of file.ranges) {
        for (let chunk = first; chunk <= last; chunk += messageChunks) {
          const length = Math.min(
            file.size - chunk * chunkBytes,
            Math.min(messageChunks, last - chunk + 1) * chunkBytes,
          );
          const room = way.room();
          read(room.data.subarray(0, length), handle.fd, chunk * chunkBytes, file.path);
          await way.send({ name, treeDigest, file: file.index, chunk }, room, length);
          untold += length;
          if (performance.now() - toldMs >= tellEveryMs) tell();
        }
      }
    } finally {
      await handle.close();
    }
  }
  tell();
}

/** Reads straight into a message's room. This thread has nothing else to do, and the kernel reads ahead: it may wait for the disk itself. */
function read(into: Buffer, fd: number, position: number, path: string): void {
  for (let filled = 0; filled < into.length; ) {
    const bytes = readSync(fd, into, filled, into.length - filled, position + filled);
    if (bytes === 0) throw new Changed(path);
    filled += bytes;
  }
}

/** What became of an upload that failed. The host hashes what it gets; where that was not what was promised, we look whether it is the file that changed. */
async function newsOf(error: Error, order: UploadOrder): Promise<UploadNews> {
  if (error instanceof Changed) return { kind: "changed", path: error.message };
  if (!(error instanceof UploadFailed))
    return { kind: "failed", code: -1, details: error.message, agentCode: undefined };
  const { status: code, message: details, agentCode } = error;
  const path = agentCode === "digest_mismatch" ? await changedFile(order) : undefined;
  return path === undefined ? { kind: "failed", code, details, agentCode } : { kind: "changed", path };
}

/** The first file of which a chunk that was to be sent is not what it was. */
async function changedFile(order: UploadOrder): Promise<string | undefined> {
  for (const file of order.files) {
    const handle = await open(join(order.root, file.path), "r");
    try {
      for (const { first, last } of file.ranges)
        for (let chunk = first; chunk <= last; chunk += 1) {
          const data = Buffer.alloc(Math.min(file.size - chunk * chunkBytes, chunkBytes));
          const { bytesRead } = await handle.read(data, 0, data.length, chunk * chunkBytes);
          const hash = createHash("sha256").update(data.subarray(0, bytesRead)).digest();
          if (!hash.equals(file.chunkHashes.subarray(chunk * hashBytes, (chunk + 1) * hashBytes))) return file.path;
        }
    } finally {
      await handle.close();
    }
  }
  return undefined;
}

/** The program of the thread: carries out the order that it was started with. */
export function runUploader(openWay: OpenWay): void {
  const order = workerData as UploadOrder;
  const say = (news: UploadNews) => parentPort?.postMessage(news);
  upload(order, openWay, say)
    .then(
      (): UploadNews => ({ kind: "done" }),
      (error: Error) => newsOf(error, order),
    )
    .then(say, (error: Error) => say({ kind: "failed", code: -1, details: error.message, agentCode: undefined }));
}
