// Sends the chunks of large files from a thread of its own. Gigabytes pass through here as large buffers, and a thread whose heap holds nothing else collects
// them in a moment; the main thread, with all of the controller in its heap, would spend most of its time on that and answer nobody meanwhile.
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { StagingServiceClient, UploadReply, UploadRequest } from "@convirt/proto/staging";
import { type ClientWritableStream, type ServiceError } from "@grpc/grpc-js";
import { channelCredentials, channelOptions, type HostAccess } from "./channel.js";

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

/** What the worker says: bytes as they leave, and how it ended. */
export type UploadNews =
  | { kind: "sent"; bytes: number }
  | { kind: "done" }
  | { kind: "changed"; path: string }
  | { kind: "failed"; code: number; details: string; agentCode: string | undefined };

const chunkBytes = 262_144;
const messageChunks = 4;
const hashBytes = 32;
/** Messages that may wait to be sent. */
const mostWaiting = 8;
const uploadPath = "/convirt.agent.v1.StagingService/Upload";

class Changed extends Error {}

async function upload(order: UploadOrder, say: (news: UploadNews) => void): Promise<void> {
  const { access } = order;
  const client = new StagingServiceClient(
    access.address,
    channelCredentials(access, () => access.fingerprints),
    channelOptions(access.hostId),
  );
  try {
    await new Promise<void>((resolve, reject) => {
      const stream = client.makeClientStreamRequest<Buffer, UploadReply>(
        uploadPath,
        (message) => message,
        (bytes) => UploadReply.decode(bytes),
        (error) => (error === null ? resolve() : reject(error)),
      );
      send(order, stream, say).then(
        () => stream.end(),
        (error: unknown) => {
          stream.cancel();
          reject(error as Error);
        },
      );
    });
  } finally {
    client.close();
  }
}

async function send(
  order: UploadOrder,
  stream: ClientWritableStream<Buffer>,
  say: (news: UploadNews) => void,
): Promise<void> {
  for (const file of order.files) {
    const handle = await open(join(order.root, file.path), "r");
    try {
      for (const { first, last } of file.ranges) {
        for (let chunk = first; chunk <= last; chunk += messageChunks) {
          const length = Math.min(
            file.size - chunk * chunkBytes,
            Math.min(messageChunks, last - chunk + 1) * chunkBytes,
          );
          const message = await read(order, handle, file, chunk, length);
          say({ kind: "sent", bytes: length });
          if (!stream.write(message) || stream.writableLength >= mostWaiting) await drained(stream);
        }
      }
    } finally {
      await handle.close();
    }
  }
}

/** A message with the bytes read straight into their place, and hashed there: what leaves is what was promised. */
async function read(
  order: UploadOrder,
  handle: FileHandle,
  file: UploadOrder["files"][number],
  chunk: number,
  length: number,
): Promise<Buffer> {
  const { name, treeDigest } = order;
  const head = UploadRequest.encode({ name, treeDigest, file: file.index, chunk, data: Buffer.alloc(0) }).finish();
  // Field 5 is bytes: its key is (5 << 3) | 2, then its length as a varint.
  const key = [0x2a, ...varint(length)];
  const message = Buffer.allocUnsafe(head.length + key.length + length);
  message.set(head, 0);
  message.set(key, head.length);
  const start = head.length + key.length;
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await handle.read(message, start + filled, length - filled, chunk * chunkBytes + filled);
    if (bytesRead === 0) throw new Changed(file.path);
    filled += bytesRead;
  }
  for (let at = 0, index = chunk; at < length; at += chunkBytes, index += 1) {
    const hash = createHash("sha256")
      .update(message.subarray(start + at, start + Math.min(length, at + chunkBytes)))
      .digest();
    if (!hash.equals(file.chunkHashes.subarray(index * hashBytes, (index + 1) * hashBytes)))
      throw new Changed(file.path);
  }
  return message;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}

function drained(stream: ClientWritableStream<Buffer>): Promise<void> {
  if (!stream.writableNeedDrain) return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve, reject) => {
    stream.once("drain", resolve);
    // The host may answer with an error instead of reading on.
    stream.once("error", reject);
    stream.once("close", () => reject(new Error("the upload was closed")));
  });
}

const port = parentPort;
if (port !== null) {
  const say = (news: UploadNews) => port.postMessage(news);
  upload(workerData as UploadOrder, say).then(
    () => say({ kind: "done" }),
    (error: Error) => {
      if (error instanceof Changed) return say({ kind: "changed", path: error.message });
      const { code = -1, details = error.message, metadata } = error as Partial<ServiceError> & Error;
      const [agentCode] = metadata?.get("convirt-code") ?? [];
      return say({ kind: "failed", code, details, agentCode: agentCode === undefined ? undefined : String(agentCode) });
    },
  );
}
