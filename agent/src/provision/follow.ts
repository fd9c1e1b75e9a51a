// A job's events and log bytes for one follower, from where it was: every event once and in order, every byte of the log once and at its offset, each event behind
// as much of the log as was written when it happened. A reader that is slow slows this loop and costs nothing else.
import { type FileHandle, open } from "node:fs/promises";
import type { JobEvent } from "@convirt/proto/provision";
import { Bell } from "../disk/bell.js";
import type { Job } from "./job.js";

const pieceBytes = 256 * 1024;
/** Where the system tells nobody of a change, this finds it; where it does, this is for what it may have missed. */
const pollMs = 250;

export interface From {
  afterSequence: bigint;
  logOffset: number;
}

/** Sends until the job's `ended` was sent, or the signal. */
export async function follow(
  job: Job,
  from: From,
  send: (event: JobEvent) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const reader = new LogReader(job, from.logOffset, send);
  const bell = new JobBell(job);
  try {
    let next = Number(from.afterSequence);
    for (;;) {
      signal.throwIfAborted();
      bell.reset();
      for (; next < job.journal.entries.length; next += 1) {
        const entry = job.journal.entries[next];
        if (entry === undefined) break;
        await reader.sendUpTo(entry.logBytes, signal);
        await job.journal.synced(next + 1);
        await send(entry.event);
        if (entry.event.event?.$case === "ended") return;
      }
      if (job.ended !== undefined && next >= job.journal.entries.length) return;
      await reader.sendUpTo(Number.POSITIVE_INFINITY, signal);
      bell.watchLog();
      await bell.rung(pollMs, signal);
    }
  } finally {
    bell.close();
    await reader.close();
  }
}

class LogReader {
  readonly #job: Job;
  readonly #send: (event: JobEvent) => Promise<void>;
  #offset: number;
  #file: FileHandle | undefined;

  constructor(job: Job, offset: number, send: (event: JobEvent) => Promise<void>) {
    this.#job = job;
    this.#offset = offset;
    this.#send = send;
  }

  async sendUpTo(end: number, signal: AbortSignal): Promise<void> {
    while (this.#offset < end) {
      signal.throwIfAborted();
      const data = await this.#read(Math.min(pieceBytes, end - this.#offset));
      if (data === undefined) return;
      const offset = this.#offset;
      this.#offset += data.length;
      await this.#send({
        sequence: 0n,
        at: new Date().toISOString(),
        event: { $case: "log", value: { offset: BigInt(offset), data } },
      });
    }
  }

  async #read(most: number): Promise<Buffer | undefined> {
    const { log } = this.#job;
    const { ended } = this.#job;
    const readable = (ended === undefined ? (log?.bytes ?? 0) : Number(ended.logBytes)) - this.#offset;
    if (log === undefined || readable <= 0) return undefined;
    this.#file ??= await open(log.path, "r");
    const size = this.#offset + readable;
    // When it has ended, what had been written by then is all there is.
    const isWhole = ended !== undefined;
    const data = await log.read(this.#file, { offset: this.#offset, most: Math.min(most, readable), size, isWhole });
    return data.length === 0 ? undefined : data;
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}

/** Rings when the job has a new event or its log has grown. */
class JobBell extends Bell {
  readonly #job: Job;
  readonly #stop: () => void;

  constructor(job: Job) {
    super();
    this.#job = job;
    this.#stop = job.onEvent(() => this.ring());
  }

  watchLog(): void {
    const { log } = this.#job;
    // What is written behind the cut is for nobody, and may be much.
    if (log?.isCut === true) super.close();
    else if (!this.isWatching && log !== undefined) {
      this.watch(log.path);
      // What was written before it was watched. Where there is no watcher, the wait is what keeps this from spinning.
      if (this.isWatching) this.ring();
    }
  }

  override close(): void {
    this.#stop();
    super.close();
  }
}
