// A job's events to one client: from the database up to now, then as they come. A client that reads slowly waits for nobody and is waited for
// by nobody: what it has not taken is read again from the database when it is ready.
import { finalStatuses } from "@convirt/contract/job";
import { Injectable } from "@nestjs/common";
import type { Response } from "express";
import { DataSource, MoreThanOrEqual } from "typeorm";
import { WriteAheadLog } from "../database/wal.js";
import { readStored } from "../database/write-queue.js";
import { JobEntity, JobEventEntity } from "./job.entity.js";
import { toFrame } from "./job-events.js";
import { type Frame, JobFeed, type Watcher } from "./job-feed.js";

const heartbeatMs = 15_000;
/** A client that takes nothing for so long is cut off. */
const longestStallMs = 60_000;
/** Rows of one reading: at most 1 MiB of log. */
const pageRows = 16;

@Injectable()
export class EventStream {
  private readonly dataSource: DataSource;
  private readonly feed: JobFeed;

  private readonly wal: WriteAheadLog;

  constructor(dataSource: DataSource, feed: JobFeed, wal: WriteAheadLog) {
    this.dataSource = dataSource;
    this.feed = feed;
    this.wal = wal;
  }

  /** Sends all events after `after`; resolves when the final one is sent or the client has gone. */
  async send(jobId: string, after: number, response: Response): Promise<void> {
    const { watcher, stop } = this.feed.watch(jobId);
    response.once("close", stop);
    response.status(200);
    response.set({
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
      "X-Content-Type-Options": "nosniff",
    });
    response.flushHeaders();
    try {
      await this.pump(jobId, after + 1, watcher, response);
    } finally {
      stop();
      response.off("close", stop);
      if (!response.writableEnded) response.end();
    }
  }

  private async pump(jobId: string, first: number, watcher: Watcher, response: Response): Promise<void> {
    let next = first;
    let stored = true;
    for (;;) {
      if (response.destroyed) return;
      let frames = watcher.take(next);
      if (frames.length === 0 && (stored || watcher.behind(next))) frames = await this.page(jobId, next);
      if (frames.length === 0) {
        if (stored && (await this.isOver(jobId, next))) return;
        stored = false;
        if (watcher.behind(next)) continue;
        await this.rest(watcher, response);
        continue;
      }
      stored = stored || watcher.behind(next + frames.length);
      for (const frame of frames) {
        if (!(await write(response, frame.text))) return;
        next = frame.sequence + 1;
        // What came after the end (leftovers that were cleaned) is read as well; then there is nothing to wait for.
        stored = stored || isFinalStatus(frame);
      }
    }
  }

  private async rest(watcher: Watcher, response: Response): Promise<void> {
    if (!(await watcher.wait(heartbeatMs))) await write(response, ": still here\n\n");
  }

  private async page(jobId: string, next: number): Promise<Frame[]> {
    const rows = await readStored(this.dataSource, (manager) =>
      manager.find(JobEventEntity, {
        where: { jobId, sequence: MoreThanOrEqual(next) },
        order: { sequence: "ASC" },
        take: pageRows,
      }),
    );
    // Nobody is shown what a power cut could still take, and give another sequence.
    if (rows.some(({ kind }) => kind === "log")) await this.wal.synced();
    return rows.map((row) => ({ sequence: row.sequence, text: toFrame(row) }));
  }

  /** A client that has seen the end already asks for what cannot come. */
  private async isOver(jobId: string, next: number): Promise<boolean> {
    const job = await readStored(this.dataSource, (manager) => manager.findOneBy(JobEntity, { id: jobId }));
    return job === null || (finalStatuses.has(job.status) && job.lastSequence < next);
  }
}

function isFinalStatus({ text }: Frame): boolean {
  if (!text.startsWith("event: status", text.indexOf("\n") + 1)) return false;
  const event = JSON.parse(text.slice(text.indexOf("data: ") + 6)) as { status: never };
  return finalStatuses.has(event.status);
}

/** False when the client has gone. One that reads nothing for a while is cut off: it may come again, and resume. */
export async function write(
  response: Response,
  data: string | Uint8Array,
  patienceMs = longestStallMs,
): Promise<boolean> {
  if (response.destroyed || response.writableEnded) return false;
  if (response.write(data)) return true;
  const drained = await new Promise<boolean>((resolve) => {
    const settle = (outcome: boolean) => () => {
      clearTimeout(timer);
      response.off("drain", done).off("close", gone);
      resolve(outcome);
    };
    const done = settle(true);
    const gone = settle(false);
    const timer = setTimeout(gone, patienceMs);
    response.once("drain", done).once("close", gone);
  });
  if (!drained) response.destroy();
  return drained;
}
