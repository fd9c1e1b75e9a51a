// The only writer of jobs and events. A change of a job and the events that tell of it are one transaction; those who watch are told after it.
// Log bytes go the same way, with the same certainty: what a client was shown by its sequence is there under that sequence after a power cut too.
// One synchronisation of the disk for a batch of up to 1 MiB is what that costs, and nobody waits for it but the batch.
import type { JobStatus } from "@convirt/contract/job";
import type { Ended, JobEvent as HostEvent } from "@convirt/proto/provision";
import { Injectable, Logger } from "@nestjs/common";
import { DataSource, type EntityManager } from "typeorm";
import { AuditService, type NewRecord } from "../audit/audit.service.js";
import { WriteAheadLog } from "../database/wal.js";
import { inTransaction } from "../database/write-queue.js";
import { VmRecords } from "../domains/vm-records.service.js";
import { applyEnded, applyEvent, statusOf, without } from "./host-events.js";
import { JobEntity, JobEventEntity } from "./job.entity.js";
import { type Entry, toRow } from "./job-events.js";
import { JobFeed } from "./job-feed.js";
import { placeLog } from "./job-log.js";
import { isFinal, type JobAct, transition } from "./job-state.js";
import { LogWriter, piecesOf } from "./log-writer.js";
import { LogHashes } from "./stored-log.js";

/** What goes with a change of status: why, and in which words. */
export interface Reason {
  code: string | null;
  message: string | null;
  /** What ran on the host, of a job that has ended there. */
  commands?: string[];
}

type Change<T> = (tx: EntityManager, job: JobEntity, entries: Entry[]) => Promise<T>;

@Injectable()
export class JobRecorder {
  private readonly log = new Logger("provisioning");
  private readonly hashes = new LogHashes();
  private readonly dataSource: DataSource;
  private readonly feed: JobFeed;
  private readonly vms: VmRecords;
  private readonly audit: AuditService;
  private readonly logs: LogWriter;
  /** Logs that were found to differ from their host's since the start. */
  logFaults = 0;

  constructor(dataSource: DataSource, feed: JobFeed, vms: VmRecords, audit: AuditService, wal: WriteAheadLog) {
    this.dataSource = dataSource;
    this.feed = feed;
    this.vms = vms;
    this.audit = audit;
    this.logs = new LogWriter(dataSource, wal, (jobId, rows) => {
      this.hashes.stored(jobId, rows);
      feed.publish(jobId, rows);
    });
  }

  /** Stores a new job with its first event; `tx` is the caller's, who has checked that nothing stands against it. */
  async create(tx: EntityManager, job: JobEntity): Promise<void> {
    job.number = ((await tx.maximum(JobEntity, "number")) ?? 0) + 1;
    job.lastSequence = 1;
    await tx.save(JobEntity, job, { reload: false });
    await tx.insert(JobEventEntity, [
      toRow(job.id, 1, job.createdAt, statusEntry(job.status, { code: null, message: null })),
    ]);
  }

  /** To be called when the transaction of `create` has ended: those who watch are told. */
  announce(job: JobEntity): void {
    this.feed.announce(job.id);
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

  /** What was cleaned of a job that has ended, and what could not be. */
  async cleaned(
    jobId: string,
    by: string,
    { cleaned, kept }: Pick<Extract<Entry, { kind: "cleaned" }>, "cleaned" | "kept">,
  ): Promise<JobEntity> {
    return await this.change(jobId, async (_tx, job, entries) => {
      const at = new Date().toISOString();
      job.leftovers = without(job.leftovers, cleaned);
      job.cleaned = [...job.cleaned, ...cleaned.map((each) => ({ ...each, at, by }))];
      entries.push({ kind: "cleaned", by, cleaned, kept });
      return job;
    });
  }

  /**
   * Stores a batch from the host: every event after the last stored one, every byte after the last stored one. `because` is why we had the host
   * stop the job, if we did: a job that it then calls cancelled has failed for that reason. Answers the job as it then is; undefined when its
   * log has grown and nothing else has changed.
   */
  async record(jobId: string, batch: readonly HostEvent[], because?: Reason): Promise<JobEntity | undefined> {
    const growth = piecesOf(batch);
    if (growth !== undefined) {
      await this.logs.store(jobId, growth);
      return undefined;
    }
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
        if (event.event?.$case === "ended") await this.end(tx, job, event.event.value, { entries, because });
        else entries.push(...applyEvent(job, event));
      }
      flush();
      return job;
    });
  }

  private async end(
    tx: EntityManager,
    job: JobEntity,
    ended: Ended,
    { entries, because }: { entries: Entry[]; because: Reason | undefined },
  ): Promise<void> {
    job.logFault = await this.logFault(tx, job, ended, entries);
    if (job.logFault !== null) {
      this.logFaults += 1;
      this.log.error({ msg: job.logFault, job: job.id, host: job.host });
      entries.push({ kind: "note", phase: job.phase ?? "check", text: job.logFault });
    }
    entries.push(...applyEnded(job, ended));
    const status = statusOf(ended);
    if (status === "cancelled" && because !== undefined) {
      await this.move(tx, job, { act: "ended", status: "failed" }, { ...because, commands: ended.commands }, entries);
      return;
    }
    const reason = { code: ended.code || null, message: ended.message || null, commands: ended.commands };
    await this.move(tx, job, { act: "ended", status }, reason, entries);
  }

  /** What is wrong with the log as it is stored; null when it is the host's, byte for byte. */
  private async logFault(
    tx: EntityManager,
    job: JobEntity,
    ended: Ended,
    entries: readonly Entry[],
  ): Promise<string | null> {
    if (ended.logSha256 === "") return null;
    const theirs = Number(ended.logBytes);
    // A host that went down may have lost the end of its log, which is here then: what both have must be the same.
    const isShorter = theirs < job.logBytes && statusOf(ended) === "lost";
    if (theirs === job.logBytes || isShorter) {
      const ours = await this.hashes.of(tx, job, entries, isShorter ? theirs : undefined);
      if (ours === ended.logSha256) return null;
    }
    const found = theirs === job.logBytes || isShorter ? "its SHA-256 differs" : "their lengths differ";
    return `The stored log (${job.logBytes} bytes) is not the host's (${theirs} bytes): ${found}. The host keeps its own.`;
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
      job.staging = null;
      job.sealed = null;
      job.code = reason.code;
      job.message = reason.message;
      if (next === "succeeded") await this.recordVm(tx, job, out);
      await this.audit.addIn(tx, endOf(job, next, reason));
    }
    out.push(statusEntry(next, reason));
    return true;
  }

  /** A job that is older than a restored database may have made what is recorded already, under its name or another's. */
  private async recordVm(tx: EntityManager, job: JobEntity, out: Entry[]): Promise<void> {
    if (!job.restored || !(await this.vms.nameTaken(tx, job.vm))) await this.vms.record(tx, job);
    else
      out.push({
        kind: "note",
        phase: job.phase ?? "check",
        text: `There is a record of a VM "${job.vm}" already; it is left as it is.`,
      });
  }

  private async change<T>(jobId: string, work: Change<T>): Promise<T> {
    const { result, rows, ended } = await inTransaction(this.dataSource, async (tx) => {
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
      return { result, rows, ended: isFinal(job.status) };
    });
    // Only now: what was not stored is neither counted nor shown.
    if (ended) this.hashes.drop(jobId);
    else this.hashes.stored(jobId, rows);
    this.feed.publish(jobId, rows);
    return result;
  }
}

function endOf(job: JobEntity, status: JobStatus, { code, message, commands = [] }: Reason): NewRecord {
  return {
    ...{ username: job.requestedBy, via: "controller", token: null, address: "", action: "jobEnded" },
    objects: [`job ${job.id}`, `vm ${job.vm}`, `host ${job.host}`, `image ${job.image}`],
    ...{
      reason: job.reason,
      asked: JSON.stringify({ status, imageVersion: job.imageVersion, exitCode: job.exitCode }),
    },
    ...{ outcome: status === "succeeded" ? "done" : "failed", code, message, commands },
  };
}

function statusEntry(status: JobStatus, { code, message }: Reason): Entry {
  return { kind: "status", status, code, message };
}

function difference(before: JobEntity, after: JobEntity): Partial<JobEntity> {
  const names = Object.keys(after) as (keyof JobEntity)[];
  return Object.fromEntries(names.filter((name) => before[name] !== after[name]).map((name) => [name, after[name]]));
}
