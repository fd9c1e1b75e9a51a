// A small upload: over the channel that the host has already, each chunk hashed again before it is sent.
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { ChunkRange, StagingServiceClient } from "@convirt/proto/staging";
import type { UploadReply, UploadRequest } from "@convirt/proto/upload";
import type { ClientWritableStream } from "@grpc/grpc-js";
import { mapAgentError } from "./agent-error.js";
import {
  ChangedSinceHashed,
  chunkBytes,
  messageChunks,
  type NeededFile,
  type SendableTree,
  type Sent,
} from "./sendable.js";

interface Piece {
  file: number;
  chunk: number;
  data: Buffer;
}

/** Ends early with `signal`. Throws ChangedSinceHashed, a Refusal of the host's, or what became of the link. */
export async function uploadSmall(
  client: StagingServiceClient,
  tree: SendableTree,
  needed: readonly NeededFile[],
  { total, signal, sent }: { total: number; signal: AbortSignal; sent: Sent },
): Promise<void> {
  let bytes = 0;
  let failure: Error | undefined;
  let call: ClientWritableStream<UploadRequest> | undefined;
  const reply = new Promise<UploadReply>((resolve, reject) => {
    call = client.upload((error, answer) => {
      if (error === null) resolve(answer);
      else {
        failure = mapAgentError(error);
        reject(failure);
      }
    });
  });
  // Looked at below; a refusal that comes while we read must not count as unhandled.
  reply.catch(() => {});
  const stream = call as unknown as ClientWritableStream<UploadRequest>;
  const stop = (): void => stream.cancel();
  signal.addEventListener("abort", stop, { once: true });
  try {
    for (const { file, ranges } of needed)
      for await (const piece of readAhead(pieces(tree, file, ranges))) {
        signal.throwIfAborted();
        if (failure !== undefined) throw failure;
        await write(stream, { treeDigest: tree.digest, name: tree.name, ...piece }, reply);
        bytes += piece.data.length;
        sent({ bytes, total });
      }
    stream.end();
    await reply;
  } catch (error) {
    stream.cancel();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Resolves when the stream has room again; rejects when the host answered with an error meanwhile. */
async function write(
  stream: ClientWritableStream<UploadRequest>,
  message: UploadRequest,
  reply: Promise<UploadReply>,
): Promise<void> {
  if (stream.write(message)) return;
  let drained: (() => void) | undefined;
  const drain = new Promise<void>((resolve) => {
    drained = resolve;
    stream.once("drain", resolve);
  });
  await Promise.race([drain, reply]);
  if (drained !== undefined) stream.off("drain", drained);
}

async function* pieces(tree: SendableTree, file: number, ranges: readonly ChunkRange[]): AsyncGenerator<Piece> {
  const described = tree.files[file];
  if (described === undefined) return;
  const handle = await open(join(tree.root, described.path), "r");
  try {
    for (const { first, last } of ranges)
      for (let chunk = first; chunk <= last; chunk += messageChunks) {
        const count = Math.min(messageChunks, last - chunk + 1);
        const length = Math.min(described.size - chunk * chunkBytes, count * chunkBytes);
        if (length <= 0) throw new Error(`The host asks for chunk ${chunk} of "${described.path}", which has fewer`);
        const data = await readExactly(handle, chunk * chunkBytes, length, described.path);
        verify(data, chunk, described);
        yield { file, chunk, data };
      }
  } finally {
    await handle.close();
  }
}

async function readExactly(handle: FileHandle, from: number, length: number, path: string): Promise<Buffer> {
  const data = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(data, filled, length - filled, from + filled);
    if (bytesRead === 0) throw new ChangedSinceHashed(path);
    filled += bytesRead;
  }
  return data;
}

function verify(data: Buffer, firstChunk: number, file: SendableTree["files"][number]): void {
  for (let at = 0, chunk = firstChunk; at < data.length; at += chunkBytes, chunk += 1) {
    const digest = createHash("sha256")
      .update(data.subarray(at, at + chunkBytes))
      .digest();
    if (!digest.equals(file.chunkHashes.subarray(chunk * 32, chunk * 32 + 32))) throw new ChangedSinceHashed(file.path);
  }
}

/** Reads one piece ahead, so that the disk and the link work at the same time. */
async function* readAhead(source: AsyncGenerator<Piece>): AsyncGenerator<Piece> {
  let next = source.next();
  try {
    for (;;) {
      const { value, done } = await next;
      if (done === true) return;
      next = source.next();
      // It is awaited on the next turn; a failure until then is not unhandled.
      next.catch(() => {});
      yield value;
    }
  } finally {
    await source.return(undefined);
  }
}
