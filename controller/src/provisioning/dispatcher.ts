// Takes queued jobs to their hosts: a queue for each host, so that a sick one holds up nobody else, and so many at a time on each. A job is
// taken the moment it is there; on start, every job that is not final is taken up again where its record ends.
import type { JobStatus } from "@convirt/contract/job";
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from "@nestjs/common";
import { DataSource, In, IsNull } from "typeorm";
import { AgentsService } from "../agents/agents.service.js";
import { inTransaction } from "../database/write-queue.js";
import { JobEntity } from "./job.entity.js";
import { JobRun } from "./job-run.js";

/** Jobs that run on one host at the same time. */
export const perHost = 2;

interface HostQueue {
  waiting: string[];
  active: Map<string, AbortController>;
}

@Injectable()
export class Dispatcher implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger("dispatcher");
  private readonly queues = new Map<string, HostQueue>();
  private readonly running = new Set<Promise<void>>();
  private stopListening: (() => void) | undefined;
  private closed = false;
  private readonly dataSource: DataSource;
  private readonly agents: AgentsService;
  private readonly run: JobRun;

  constructor(dataSource: DataSource, agents: AgentsService, run: JobRun) {
    this.dataSource = dataSource;
    this.agents = agents;
    this.run = run;
  }

  async onApplicationBootstrap(): Promise<void> {
    this.stopListening = this.agents.onContact((hostId, inContact) => this.contact(hostId, inContact));
    const unfinished: JobStatus[] = ["queued", "running", "cancelling"];
    const jobs = await this.dataSource.manager.find(JobEntity, {
      select: { id: true, hostId: true, status: true },
      where: { status: In(unfinished) },
      order: { createdAt: "ASC", id: "ASC" },
    });
    for (const { id, hostId, status } of jobs)
      if (status === "queued") this.queue(hostId).waiting.push(id);
      else this.take(hostId, id);
    for (const hostId of this.queues.keys()) this.pump(hostId);
  }

  /** Leaves the jobs as they are on their hosts; the next start takes them up. */
  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    this.stopListening?.();
    for (const { active } of this.queues.values())
      for (const control of active.values()) control.abort(new Error("shutdown"));
    await Promise.all(this.running);
  }

  /** A job that was just stored. */
  enqueue(hostId: string, jobId: string): void {
    this.queue(hostId).waiting.push(jobId);
    this.pump(hostId);
  }

  /** Takes a job out of the queue; false when it was taken to its host already. */
  withdraw(hostId: string, jobId: string): boolean {
    const queue = this.queue(hostId);
    const at = queue.waiting.indexOf(jobId);
    if (at >= 0) queue.waiting.splice(at, 1);
    return at >= 0;
  }

  private queue(hostId: string): HostQueue {
    const queue = this.queues.get(hostId) ?? { waiting: [], active: new Map() };
    this.queues.set(hostId, queue);
    return queue;
  }

  private pump(hostId: string): void {
    const queue = this.queue(hostId);
    while (!this.closed && queue.active.size < perHost && queue.waiting.length > 0 && this.inContact(hostId)) {
      const jobId = queue.waiting.shift();
      if (jobId !== undefined) this.take(hostId, jobId);
    }
  }

  private take(hostId: string, jobId: string): void {
    const queue = this.queue(hostId);
    const control = new AbortController();
    queue.active.set(jobId, control);
    const work = this.run
      .untilEnd(hostId, jobId, control.signal)
      .catch((error: unknown) => {
        // A bug, or a database that cannot be written: the job stays as it is stored, and the next start takes it up.
        if (!control.signal.aborted) this.log.error({ msg: "a job's run ended by an error", job: jobId, err: error });
      })
      .finally(() => {
        queue.active.delete(jobId);
        this.running.delete(work);
        this.pump(hostId);
      });
    this.running.add(work);
  }

  private inContact(hostId: string): boolean {
    return !this.agents.contactLost(hostId).aborted;
  }

  private contact(hostId: string, inContact: boolean): void {
    const since = inContact ? null : new Date().toISOString();
    inTransaction(this.dataSource, (tx) =>
      tx.update(
        JobEntity,
        { hostId, status: In(["running", "cancelling"]), ...(inContact ? {} : { contactLostSince: IsNull() }) },
        { contactLostSince: since },
      ),
    ).catch((error: unknown) => this.log.error({ msg: "cannot store the loss of contact", host: hostId, err: error }));
    if (inContact) this.pump(hostId);
  }
}
