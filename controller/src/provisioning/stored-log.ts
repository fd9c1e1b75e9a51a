// A job's log as the database holds it: read again piece by piece, and its hash, kept in memory while the log grows so that closing a job need
// not read all of it again.
import { createHash, type Hash } from "node:crypto";
import { type EntityManager, LessThanOrEqual, MoreThanOrEqual } from "typeorm";
import { type JobEntity, JobEventEntity } from "./job.entity.js";
import type { Entry } from "./job-events.js";

/** Chunks that are read at once: 1 MiB at most. */
const pageChunks = 16;

/** The stored log from `offset` on, some chunks at a time. A chunk may be of any size up to 64 KiB: a script that prints slowly makes many small ones. */
export async function* readLog(tx: EntityManager, jobId: string, offset: number): AsyncGenerator<Buffer> {
  const holding = await tx.findOne(JobEventEntity, {
    select: { logOffset: true },
    where: { jobId, logOffset: LessThanOrEqual(offset) },
    order: { logOffset: "DESC" },
  });
  const first = holding?.logOffset ?? offset;
  let skip = offset - first;
  for (let next = first; ; ) {
    const rows = await tx.find(JobEventEntity, {
      where: { jobId, logOffset: MoreThanOrEqual(next) },
      order: { logOffset: "ASC" },
      take: pageChunks,
    });
    for (const { logOffset, bytes } of rows) {
      const chunk = bytes ?? Buffer.alloc(0);
      next = (logOffset ?? 0) + chunk.length;
      if (skip < chunk.length) yield chunk.subarray(skip);
      skip = Math.max(0, skip - chunk.length);
    }
    if (rows.length < pageChunks) return;
  }
}

export class LogHashes {
  readonly #kept = new Map<string, { hash: Hash; bytes: number }>();

  /** Takes in rows that are stored. A log whose beginning was stored by an earlier process is not kept here. */
  stored(jobId: string, rows: readonly JobEventEntity[]): void {
    for (const { kind, logOffset, bytes } of rows) {
      if (kind !== "log" || bytes === null) continue;
      if (logOffset === 0) this.#kept.set(jobId, { hash: createHash("sha256"), bytes: 0 });
      const kept = this.#kept.get(jobId);
      if (kept === undefined || kept.bytes !== logOffset) continue;
      kept.hash.update(bytes);
      kept.bytes += bytes.length;
    }
  }

  drop(jobId: string): void {
    this.#kept.delete(jobId);
  }

  /** Hex, of what the database holds and of `entries`, which are about to be stored behind it; of its first `limit` bytes alone, if given. */
  async of(tx: EntityManager, job: JobEntity, entries: readonly Entry[], limit?: number): Promise<string> {
    const coming = entries.flatMap((entry) => (entry.kind === "log" ? [entry.bytes] : []));
    const stored = job.logBytes - coming.reduce((sum, bytes) => sum + bytes.length, 0);
    const kept = this.#kept.get(job.id);
    const isKept = kept?.bytes === stored && limit === undefined;
    const hash = isKept ? kept.hash.copy() : createHash("sha256");
    let left = limit ?? Number.POSITIVE_INFINITY;
    const take = (bytes: Buffer): void => {
      hash.update(bytes.subarray(0, left));
      left -= Math.min(left, bytes.length);
    };
    if (!isKept) for await (const bytes of readLog(tx, job.id, 0)) take(bytes);
    for (const bytes of coming) take(bytes);
    return hash.digest("hex");
  }
}
