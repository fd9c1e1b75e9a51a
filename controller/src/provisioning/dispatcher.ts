// Takes queued jobs to their hosts: a queue for each host, so that a sick one holds up nobody else, and so many at a time on each. A job is
// taken the moment it is there; on start, every job that is not final is taken up again where its record ends.
import type { JobStatus } from "@convirt/contract/job";
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from "@nestjs/common";
import { DataSource, In } from "typeorm";
import { AgentsService } from "../agents/agents.service.js";
import { CONFIG, type Config } from "../config/config.js";
import { JobEntity } from "./job.entity.js";
import { JobRun } from "./job-run.js";

interface HostQueue {
  waiting: string[];
  active: Map<string, AbortController>;
}

@Injectable()
export class Dispatcher implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger("dispatcher");
  private readonly queues = new Map<string, HostQueue>();
  private readonly running = new Set<Promise<void>>();
  private readonly listeners = new Set<(hostId: string) => void>();
  private stopListening: (() => void) | undefined;
  private closed = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly agents: AgentsService,
    private readonly run: JobRun,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.stopListening = this.agents.onContact((hostId) => this.pump(hostId));
    const unfinished: JobStatus[] = ["queued", "running", "cancelling"];
    const jobs = await this.dataSource.manager.find(JobEntity, {
      select: { id: true, hostId: true, status: true },
      where: { status: In(unfinished) },
      order: { number: "ASC" },
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

  /** A job that is under way on its host: it is followed at once, whatever else runs there. */
  takeUp(hostId: string, jobId: string): void {
    if (!this.closed && !this.queue(hostId).active.has(jobId)) this.take(hostId, jobId);
  }

  /** Told of each job whose run has ended. */
  onEnded(listener: (hostId: string) => void): void {
    this.listeners.add(listener);
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

  /** Takes what may be taken. The jobs of a host that was removed are taken as well: they end, as there is nowhere to bring them. */
  private pump(hostId: string): void {
    const queue = this.queues.get(hostId);
    if (queue === undefined || this.closed) return;
    const most = this.config.provisioning.jobs_per_host;
    while (queue.active.size < most && queue.waiting.length > 0) {
      if (this.agents.contactOf(hostId).contact === "silent") return;
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
        if (!control.signal.aborted) this.log.error({ msg: "a job's run ended by an error", job: jobId, err: error });
      })
      .finally(() => {
        queue.active.delete(jobId);
        this.running.delete(work);
        if (queue.active.size === 0 && queue.waiting.length === 0) this.queues.delete(hostId);
        this.pump(hostId);
        if (!this.closed) for (const listener of this.listeners) listener(hostId);
      });
    this.running.add(work);
  }
}
