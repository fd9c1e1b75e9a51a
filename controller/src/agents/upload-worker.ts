// Sends the chunks of large files from a thread of its own. Gigabytes pass through here as large buffers, and a thread whose heap holds nothing else collects
// them in a moment; the main thread, with all of the controller in its heap, would spend most of its time on that and answer nobody meanwhile.
import { createHash } from "node:crypto";
import { readSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { uploadWithRoom } from "@convirt/proto/upload";
import type { ServiceError } from "@grpc/grpc-js";
import type { HostAccess } from "./channel.js";
import { UploadCall } from "./upload-call.js";
import { UploadConnection } from "./upload-connection.js";
import { EndedByHost, type UploadWay } from "./upload-way.js";

export interface UploadOrder {
  access: HostAccess;
  /** By a connection of its own; else by a call of gRPC. */
  ownConnection: boolean;
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

/** What the worker says: bytes as they leave, and how it ended. */
export type UploadNews =
  | { kind: "sent"; bytes: number }
  | { kind: "done" }
  | { kind: "changed"; path: string }
  | { kind: "failed"; code: number; details: string; agentCode: string | undefined };

const chunkBytes = 262_144;
const messageChunks = 4;
const hashBytes = 32;

class Changed extends Error {}

async function upload(order: UploadOrder, say: (news: UploadNews) => void): Promise<void> {
  const way = order.ownConnection ? await UploadConnection.open(order.access) : new UploadCall(order.access);
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
  for (const file of order.files) {
    const handle = await open(join(order.root, file.path), "r");
    try {
      for (const { first, last } of file.ranges) {
        for (let chunk = first; chunk <= last; chunk += messageChunks) {
          const length = Math.min(
            file.size - chunk * chunkBytes,
            Math.min(messageChunks, last - chunk + 1) * chunkBytes,
          );
          const message = read(order, way, { fd: handle.fd, file, chunk, length });
          say({ kind: "sent", bytes: length });
          await way.send(message);
        }
      }
    } finally {
      await handle.close();
    }
  }
}

/** A message with the bytes read straight into their place. This thread has nothing else to do, and the kernel reads ahead: it may wait for the disk itself. */
function read(
  order: UploadOrder,
  way: UploadWay,
  { fd, file, chunk, length }: { fd: number; file: UploadOrder["files"][number]; chunk: number; length: number },
): Buffer {
  const { name, treeDigest } = order;
  const head = { name, treeDigest, file: file.index, chunk };
  const { message, dataAt } = uploadWithRoom(head, length, { framed: way.framed });
  for (let filled = 0; filled < length; ) {
    const bytes = readSync(fd, message, dataAt + filled, length - filled, chunk * chunkBytes + filled);
    if (bytes === 0) throw new Changed(file.path);
    filled += bytes;
  }
  return message;
}

/** What became of an upload that failed. The host hashes what it gets; where that was not what was promised, we look whether it is the file that changed. */
async function newsOf(error: Error, order: UploadOrder): Promise<UploadNews> {
  if (error instanceof Changed) return { kind: "changed", path: error.message };
  const { code = -1, details = error.message, metadata } = error as Partial<ServiceError> & Error;
  const [word] = metadata?.get("convirt-code") ?? [];
  const agentCode = word === undefined ? undefined : String(word);
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

const port = parentPort;
if (port !== null) {
  const order = workerData as UploadOrder;
  const say = (news: UploadNews) => port.postMessage(news);
  upload(order, say)
    .then(
      (): UploadNews => ({ kind: "done" }),
      (error: Error) => newsOf(error, order),
    )
    .then(say, (error: Error) => say({ kind: "failed", code: -1, details: error.message, agentCode: undefined }));
}
