// A job's events and log bytes for one follower, from where it was: every event once and in order, every byte of the log once and at its offset, each event behind
// as much of the log as was written when it happened. A reader that is slow slows this loop and costs nothing else.
import { type FileHandle, open } from "node:fs/promises";
import type { JobEvent } from "@convirt/proto/provision";
import { Bell } from "../disk/bell.js";
import type { Job } from "./job.js";

const pieceBytes = 256 * 1024;
/** After a piece of fewer bytes the follower rests: a piece costs far more than its bytes, and a script that prints line by line would make many. */
const smallBytes = 64 * 1024;

/** What is followed of a job. */
export type Followable = Pick<Job, "journal" | "ended" | "log" | "onEvent">;

export interface From {
  afterSequence: bigint;
  logOffset: number;
}

/** How long a follower waits unless it rings: where the system tells of changes, for what it may have missed; where it does not, until it looks by itself. */
export interface Waits {
  toldMs: number;
  untoldMs: number;
  /** Between two pieces of a log that grows slowly. */
  restMs: () => number;
}

/** Where many jobs are under way each is served less often, so that the host has time for its scripts; nobody is more than half a second behind for it. */
export function waitsAmong(jobsUnderWay: () => number): Waits {
  return { toldMs: 5_000, untoldMs: 250, restMs: () => Math.min(500, Math.max(200, 50 * jobsUnderWay())) };
}

/** Sends until the job's `ended` was sent, or the signal. */
export async function follow(
  job: Followable,
  from: From,
  send: (event: JobEvent) => Promise<void>,
  { signal, waits }: { signal: AbortSignal; waits: Waits },
): Promise<void> {
  const reader = new LogReader(job, from.logOffset, send);
  const bell = new JobBell(job, waits);
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
      const sent = await reader.sendUpTo(Number.POSITIVE_INFINITY, signal);
      if (sent > 0 && sent < smallBytes) await bell.rest(signal);
      else await bell.rung(signal);
    }
  } finally {
    bell.close();
    await reader.close();
  }
}

class LogReader {
  readonly #job: Followable;
  readonly #send: (event: JobEvent) => Promise<void>;
  #offset: number;
  #file: FileHandle | undefined;

  constructor(job: Followable, offset: number, send: (event: JobEvent) => Promise<void>) {
    this.#job = job;
    this.#offset = offset;
    this.#send = send;
  }

  /** Tells how many bytes were sent. */
  async sendUpTo(end: number, signal: AbortSignal): Promise<number> {
    const start = this.#offset;
    while (this.#offset < end) {
      signal.throwIfAborted();
      const data = await this.#read(Math.min(pieceBytes, end - this.#offset));
      if (data === undefined) break;
      const offset = this.#offset;
      this.#offset += data.length;
      await this.#send({
        sequence: 0n,
        at: new Date().toISOString(),
        event: { $case: "log", value: { offset: BigInt(offset), data } },
      });
    }
    return this.#offset - start;
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
class JobBell {
  readonly #job: Followable;
  readonly #waits: Waits;
  readonly #bell = new Bell();
  readonly #events = new Bell();
  readonly #stop: () => void;

  constructor(job: Followable, waits: Waits) {
    this.#job = job;
    this.#waits = waits;
    this.#stop = job.onEvent(() => {
      this.#events.ring();
      this.#bell.ring();
    });
  }

  reset(): void {
    this.#events.reset();
    this.#bell.reset();
  }

  /** Until the next event, or a short while: a log that grows does not end it. */
  async rest(signal: AbortSignal): Promise<void> {
    await this.#events.rung(this.#waits.restMs(), signal);
  }

  async rung(signal: AbortSignal): Promise<void> {
    await this.#bell.rung(this.#isTold() ? this.#waits.toldMs : this.#waits.untoldMs, signal);
  }

  /** Whether all that may come rings: an event does, and so does a log that is watched from now on. Before the script there is none. */
  #isTold(): boolean {
    const { log } = this.#job;
    if (log === undefined) return true;
    // What is written behind the cut is for nobody, and may be much.
    if (log.isCut) {
      this.#bell.unwatch();
      return true;
    }
    if (!this.#bell.isWatching) {
      this.#bell.watch(log.path);
      // What was written before it was watched. Where there is no watcher, the wait is what keeps this from spinning.
      if (this.#bell.isWatching) this.#bell.ring();
    }
    return this.#bell.isWatching;
  }

  close(): void {
    this.#stop();
    this.#bell.unwatch();
  }
}
