// The only writer of jobs and events. A change of a job and the events that tell of it are one transaction; those who watch are told after it.
import { createHash, type Hash } from "node:crypto";
import type { JobStatus } from "@convirt/contract/job";
import type { Ended, JobEvent as HostEvent } from "@convirt/proto/provision";
import { Outcome } from "@convirt/proto/provision";
import { Injectable, Logger } from "@nestjs/common";
import { DataSource, type EntityManager, LessThanOrEqual, MoreThanOrEqual } from "typeorm";
import { inTransaction } from "../database/write-queue.js";
import { VmRecords } from "../domains/vm-records.service.js";
import { JobEntity, JobEventEntity } from "./job.entity.js";
import { type Entry, phaseOf, toRow } from "./job-events.js";
import { JobFeed } from "./job-feed.js";
import { placeLog } from "./job-log.js";
import { type FinalStatus, isFinal, type JobAct, transition } from "./job-state.js";

const outcomes: Partial<Record<Outcome, FinalStatus>> = {
  [Outcome.SUCCEEDED]: "succeeded",
  [Outcome.FAILED]: "failed",
  [Outcome.CANCELLED]: "cancelled",
  [Outcome.LOST]: "lost",
};

/** Chunks that are read at once: 1 MiB at most. */
const pageChunks = 16;

/** What goes with a change of status: why, and in which words. */
export interface Reason {
  code: string | null;
  message: string | null;
}

@Injectable()
export class JobRecorder {
  private readonly log = new Logger("provisioning");
  private readonly hashes = new Map<string, { hash: Hash; bytes: number }>();
  private readonly dataSource: DataSource;
  private readonly feed: JobFeed;
  private readonly vms: VmRecords;

  constructor(dataSource: DataSource, feed: JobFeed, vms: VmRecords) {
    this.dataSource = dataSource;
    this.feed = feed;
    this.vms = vms;
  }

  /** Stores a new job with its first event; `tx` is the caller's, who has checked that nothing stands against it. */
  async create(tx: EntityManager, job: JobEntity): Promise<void> {
    job.lastSequence = 1;
    await tx.save(JobEntity, job, { reload: false });
    await tx.insert(JobEventEntity, [
      toRow(job.id, 1, job.createdAt, statusEntry(job.status, { code: null, message: null })),
    ]);
  }

  /** Changes the status if the act has a meaning; answers the job as it then is, and whether it changed. */
  async act(jobId: string, act: JobAct, reason: Reason): Promise<{ job: JobEntity; changed: boolean }> {
    return await this.change(jobId, async (tx, job, entries) => {
      const changed = await this.move(tx, job, act, reason, entries);
      return { job, changed };
    });
  }

  /** Appends what is ours to tell: progress of staging, notes. */
  async append(jobId: string, entries: readonly Entry[]): Promise<void> {
    await this.change(jobId, async (_tx, job, out) => {
      if (!isFinal(job.status)) out.push(...entries);
    });
  }

  /** Stores a batch from the host: every event after the last stored one, every byte after the last stored one. */
  async record(jobId: string, batch: readonly HostEvent[]): Promise<JobEntity> {
    return await this.change(jobId, async (tx, job, entries) => {
      let pieces: { offset: number; data: Uint8Array }[] = [];
      const flush = (): void => {
        for (const { offset, bytes } of placeLog(job.logBytes, pieces)) {
          entries.push({ kind: "log", offset, bytes });
          job.logBytes = offset + bytes.length;
        }
        pieces = [];
      };
      for (const event of batch) {
        if (isFinal(job.status)) break;
        if (event.event?.$case === "log") {
          pieces.push({ offset: Number(event.event.value.offset), data: event.event.value.data });
          continue;
        }
        const sequence = Number(event.sequence);
        if (sequence <= job.agentSequence) continue;
        flush();
        job.agentSequence = sequence;
        await this.apply(tx, job, event, entries);
      }
      flush();
      return job;
    });
  }

  private async apply(tx: EntityManager, job: JobEntity, { at, event }: HostEvent, entries: Entry[]): Promise<void> {
    switch (event?.$case) {
      case "phaseStarted": {
        const phase = phaseOf(event.value.phase);
        if (phase === undefined) return;
        job.phase = phase;
        job.phases = [...job.phases, { phase, startedAt: new Date(at).toISOString(), durationMs: null }];
        entries.push({ kind: "phase_started", phase });
        return;
      }
      case "phaseEnded": {
        const phase = phaseOf(event.value.phase);
        if (phase === undefined) return;
        const durationMs = Number(event.value.durationMs);
        job.staging = null;
        job.phases = job.phases.map((each) => (each.phase === phase ? { ...each, durationMs } : each));
        entries.push({ kind: "phase_ended", phase, durationMs });
        return;
      }
      case "stagingNeeded":
        job.staging = event.value.trees.map(({ name, digest, bytes }) => ({ name, digest, bytes: Number(bytes) }));
        return;
      case "note": {
        const phase = phaseOf(event.value.phase) ?? job.phase ?? "check";
        entries.push({ kind: "note", phase, text: event.value.text });
        return;
      }
      case "ended":
        await this.end(tx, job, event.value, entries);
        return;
      default:
        // An event of a newer agent: its sequence counts, its meaning is not known here.
        return;
    }
  }

  private async end(tx: EntityManager, job: JobEntity, ended: Ended, entries: Entry[]): Promise<void> {
    const differs = await this.logDiffers(tx, job, ended, entries);
    if (differs !== undefined) {
      this.log.error({ msg: differs, job: job.id, host: job.host });
      entries.push({ kind: "note", phase: job.phase ?? "check", text: differs });
    }
    job.logSha256 = ended.logSha256 === "" ? null : ended.logSha256;
    job.exitCode = ended.exitCode < 0 ? null : ended.exitCode;
    job.proofs = ended.proofs.map(({ subject, holds, found }) => ({ subject, holds, found }));
    job.leftovers = ended.leftovers.map((left) => ({ kind: left.kind, path: left.path, bytes: Number(left.bytes) }));
    job.disks = ended.disks.map((disk) => ({ ...disk, bytes: Number(disk.bytes) }));
    job.vmConfigPath = ended.vmConfigPath === "" ? null : ended.vmConfigPath;
    job.vmConfig = ended.vmConfig === "" ? null : ended.vmConfig;
    const status = outcomes[ended.outcome] ?? "failed";
    const message = [ended.message, differs].filter((part) => part !== undefined && part !== "").join(" ");
    const reason = { code: ended.code === "" ? null : ended.code, message: message === "" ? null : message };
    await this.move(tx, job, { act: "ended", status }, reason, entries);
  }

  /** The one place where a status changes. */
  private async move(tx: EntityManager, job: JobEntity, act: JobAct, reason: Reason, out: Entry[]): Promise<boolean> {
    const next = transition(job.status, act);
    if (next === undefined) return false;
    const now = new Date().toISOString();
    job.status = next;
    if (next === "running") job.startedAt = now;
    if (isFinal(next)) {
      job.endedAt = now;
      job.vmClaim = null;
      job.contactLostSince = null;
      job.staging = null;
      job.code = reason.code;
      job.message = reason.message;
      if (next === "succeeded") await this.vms.record(tx, job);
      this.hashes.delete(job.id);
    }
    out.push(statusEntry(next, reason));
    return true;
  }

  private async change<T>(
    jobId: string,
    work: (tx: EntityManager, job: JobEntity, entries: Entry[]) => Promise<T>,
  ): Promise<T> {
    const { result, rows } = await inTransaction(this.dataSource, async (tx) => {
      const job = await tx.findOneByOrFail(JobEntity, { id: jobId });
      const before = { ...job };
      const entries: Entry[] = [];
      const result = await work(tx, job, entries);
      const at = new Date().toISOString();
      const rows = entries.map((entry, index) => toRow(jobId, job.lastSequence + 1 + index, at, entry));
      job.lastSequence += rows.length;
      if (rows.length > 0)
        await tx.createQueryBuilder().insert().into(JobEventEntity).values(rows).updateEntity(false).execute();
      const changed = difference(before, job);
      if (Object.keys(changed).length > 0)
        await tx
          .createQueryBuilder()
          .update(JobEntity)
          .set(changed as object)
          .where({ id: jobId })
          .execute();
      return { result, rows };
    });
    this.hashStored(jobId, rows);
    this.feed.publish(jobId, rows);
    return result;
  }

  private hashStored(jobId: string, rows: readonly JobEventEntity[]): void {
    for (const { kind, logOffset, bytes } of rows) {
      if (kind !== "log" || bytes === null) continue;
      if (logOffset === 0) this.hashes.set(jobId, { hash: createHash("sha256"), bytes: 0 });
      const kept = this.hashes.get(jobId);
      if (kept === undefined || kept.bytes !== logOffset) continue;
      kept.hash.update(bytes);
      kept.bytes += bytes.length;
    }
    if (
      rows.some(
        ({ kind, body }) => kind === "status" && isFinal((JSON.parse(body ?? "{}") as { status: JobStatus }).status),
      )
    )
      this.hashes.delete(jobId);
  }

  /** What is wrong with the log as it is stored; undefined when it is the host's, byte for byte. */
  private async logDiffers(
    tx: EntityManager,
    job: JobEntity,
    ended: Ended,
    entries: readonly Entry[],
  ): Promise<string | undefined> {
    if (ended.logSha256 === "") return undefined;
    const hash = await this.storedHash(tx, job, entries);
    for (const entry of entries) if (entry.kind === "log") hash.update(entry.bytes);
    if (Number(ended.logBytes) === job.logBytes && hash.digest("hex") === ended.logSha256) return undefined;
    return `The stored log (${job.logBytes} bytes) is not the host's (${ended.logBytes} bytes): its SHA-256 differs.`;
  }

  /** The hash of what the database holds. After a restart it is read again, chunk by chunk. */
  private async storedHash(tx: EntityManager, job: JobEntity, entries: readonly Entry[]): Promise<Hash> {
    const coming = entries.reduce((sum, entry) => sum + (entry.kind === "log" ? entry.bytes.length : 0), 0);
    const kept = this.hashes.get(job.id);
    if (kept?.bytes === job.logBytes - coming) return kept.hash.copy();
    const hash = createHash("sha256");
    for await (const bytes of readLog(tx, job.id, 0)) hash.update(bytes);
    return hash;
  }
}

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

function statusEntry(status: JobStatus, { code, message }: Reason): Entry {
  return { kind: "status", status, code, message };
}

function difference(before: JobEntity, after: JobEntity): Partial<JobEntity> {
  const names = Object.keys(after) as (keyof JobEntity)[];
  return Object.fromEntries(names.filter((name) => before[name] !== after[name]).map((name) => [name, after[name]]));
}
