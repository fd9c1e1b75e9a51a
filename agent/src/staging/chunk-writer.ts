// The thread that hashes and writes the chunks of large files. It imports next to nothing: in the agent's one file it lies as a text. A thread of its own, since
// hashing and writing take as long as all that comes before them, and since the buffers that are handed over to it no longer weigh on the main thread's heap, which
// would be collected again and again for them.
import { writeSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { firstMismatch } from "./chunk-hash.js";

/** Whole chunks that follow each other, for `position` of the file; `hashes` are what they must have, joined. `data` is transferred, and back if it is lent. */
export interface ChunkOrder {
  id: number;
  fd: number;
  position: number;
  data: Uint8Array<ArrayBuffer>;
  chunkBytes: number;
  hashes: Uint8Array;
  isLent: boolean;
}

/** `mismatch`: the number of the chunk within the order, and the SHA-256 that it has; nothing of the order was written. */
export interface ChunkAnswer {
  id: number;
  /** What was lent. */
  room?: ArrayBuffer;
  mismatch?: { chunk: number; hash: string };
  error?: { code: string | undefined; message: string };
}

function carryOut(order: ChunkOrder): ChunkAnswer {
  const { id, fd, position, data, chunkBytes, hashes } = order;
  const mismatch = firstMismatch(data, chunkBytes, hashes);
  if (mismatch !== undefined) return { id, mismatch };
  try {
    for (let at = 0; at < data.length; ) at += writeSync(fd, data, at, data.length - at, position + at);
    return { id };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { id, error: { code, message } };
  }
}

parentPort?.on("message", (order: ChunkOrder) => {
  const room = order.data.buffer;
  const answer = carryOut(order);
  if (order.isLent) parentPort?.postMessage({ ...answer, room } satisfies ChunkAnswer, [room]);
  else parentPort?.postMessage(answer);
});
