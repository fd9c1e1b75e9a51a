// The main thread's end of the thread that writes chunks: starts it, hands chunks over, ends it.
import { Worker } from "node:worker_threads";
import { Refusal } from "../errors/errors.js";
import type { ChunkAnswer, ChunkOrder } from "./chunk-writer.js";

/** In the agent's one file, the program of the thread; else it is a file beside this. */
declare const bundledChunkWriter: string | undefined;

interface Waiting {
  resolve: () => void;
  reject: (error: unknown) => void;
  first: number;
}

/** Chunks to be written: the order, before it is the thread's. */
export type Chunks = Omit<ChunkOrder, "id" | "isLent" | "data"> & { data: Uint8Array };

/** The thread starts with the first chunks that it is given. */
export class ChunkThread {
  readonly #back: ((room: ArrayBuffer) => void) | undefined;
  #worker: Worker | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;

  /** `back` is given the memory of what was written; without it that is let go. */
  constructor(back?: (room: ArrayBuffer) => void) {
    this.#back = back;
  }

  /**
   * Hashes whole chunks, the first of them the file's chunk `first`, and writes them when all agree. Throws a Refusal when one does not, an error with the
   * system's `code` when they cannot be written. `data` is given away.
   */
  write(first: number, order: Chunks): Promise<void> {
    const id = this.#nextId++;
    const written = new Promise<void>((resolve, reject) => this.#waiting.set(id, { resolve, reject, first }));
    const data = ownBuffer(order.data);
    this.#worker ??= this.#start();
    this.#worker.postMessage({ ...order, data, id, isLent: this.#back !== undefined } satisfies ChunkOrder, [
      data.buffer,
    ]);
    return written;
  }

  /** Ends the thread. What it was still to write is rejected. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker =
      typeof bundledChunkWriter === "string"
        ? new Worker(bundledChunkWriter, { eval: true })
        : new Worker(new URL("./chunk-writer.js", import.meta.url));
    worker.on("message", (answer: ChunkAnswer) => this.#answered(answer));
    worker.on("error", (error) => this.#gone(error));
    worker.on("exit", () => this.#gone(new Error("The thread that writes chunks has ended")));
    return worker;
  }

  #answered({ id, room, mismatch, error }: ChunkAnswer): void {
    if (room !== undefined) this.#back?.(room);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (waiting === undefined) return;
    if (mismatch !== undefined) waiting.reject(mismatched(waiting.first + mismatch.chunk, mismatch.hash));
    else if (error !== undefined) waiting.reject(Object.assign(new Error(error.message), { code: error.code }));
    else waiting.resolve();
  }

  #gone(error: unknown): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

export function mismatched(chunk: number, hash: string): Refusal {
  return new Refusal("digest_mismatch", `Chunk ${chunk} is not what was promised: it has the SHA-256 ${hash}`);
}

/** The bytes in a buffer that nobody else has a view of: small ones of Node's share theirs. */
function ownBuffer(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const isAlone = data.buffer instanceof ArrayBuffer && data.buffer.byteLength < 2 * data.byteLength;
  return isAlone ? (data as Uint8Array<ArrayBuffer>) : new Uint8Array(data);
}
