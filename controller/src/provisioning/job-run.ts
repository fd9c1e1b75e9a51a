// One job from its queue to its end: start on the host, follow, stage when the host asks. What breaks on the way, the link, the database or a
// disk without space, is begun again from what is stored, with growing pauses; a host that will not take the job ends it. The same id is sent
// every time, and a job of which the host has told anything, or which it may have forgotten, is never sent again: nothing runs twice.
import { setTimeout as pause } from "node:timers/promises";
import type { ProvisionSpec } from "@convirt/proto/provision";
import { Injectable, Logger } from "@nestjs/common";
import { DataSource } from "typeorm";
import { AgentsService } from "../agents/agents.service.js";
import { JobsService } from "../agents/jobs.service.js";
import { Refusal } from "../errors/refusal.js";
import { HostEntity } from "../hosts/host.entity.js";
import { JobEntity } from "./job.entity.js";
import { JobRecorder, type Reason } from "./job-recorder.js";
import { JobStaging } from "./job-staging.js";
import { isFinal } from "./job-state.js";
import { JobSecrets, type Sealed } from "./secrets.js";

const firstPauseMs = 200;
const longestPauseMs = 15_000;

export function toSpec(
  job: Pick<JobEntity, "id" | "vm" | "vmUuid" | "image" | "start" | "spec" | "request">,
  sealed?: Sealed,
): ProvisionSpec {
  return {
    jobId: job.id,
    vmName: job.vm,
    vmUuid: job.vmUuid,
    image: job.image,
    trees: job.spec.trees.map(({ name, digest, bytes }) => ({ name, digest, bytes: BigInt(bytes) })),
    imageConf: sealed?.imageConf ?? job.spec.imageConf,
    vmConf: sealed?.vmConf ?? job.spec.vmConf,
    secrets: sealed?.secrets ?? [],
    start: job.start,
    replaceDisks: job.request.replaceDisks,
    timeoutMs: job.spec.timeoutMs,
    cleanOnFailure: job.request.cleanOnFailure,
  };
}

@Injectable()
export class JobRun {
  private readonly log = new Logger("provisioning");

  constructor(
    private readonly dataSource: DataSource,
    private readonly agents: AgentsService,
    private readonly hosts: JobsService,
    private readonly staging: JobStaging,
    private readonly recorder: JobRecorder,
    private readonly secrets: JobSecrets,
  ) {}

  /** Resolves when the job is final; rejects when `signal` is aborted. */
  async untilEnd(hostId: string, jobId: string, signal: AbortSignal): Promise<void> {
    let seen = -1;
    for (let failures = 0; ; ) {
      signal.throwIfAborted();
      try {
        const job = await this.begin(hostId, jobId);
        if (isFinal(job.status)) return;
        if (job.lastSequence > seen) failures = 0;
        seen = job.lastSequence;
        await this.agents.untilContact(hostId, signal);
        if (this.agents.inContact(hostId)) await this.once(hostId, job, signal);
      } catch (error) {
        signal.throwIfAborted();
        failures += 1;
        this.log.warn({ msg: "a job cannot go on for now; it is tried again", job: jobId, hostId, err: error });
      }
      await pause(backoffMs(failures), undefined, { signal });
    }
  }

  /** The job as it goes to its host: no longer queued, and final if its host was removed meanwhile. */
  private async begin(hostId: string, jobId: string): Promise<JobEntity> {
    const job = await this.load(jobId);
    if (isFinal(job.status)) return job;
    if (!(await this.dataSource.manager.existsBy(HostEntity, { id: hostId }))) return await this.hostless(job);
    if (job.status !== "queued") return job;
    return (await this.recorder.act(jobId, { act: "dispatch" }, { code: null, message: null })).job;
  }

  private async hostless(job: JobEntity): Promise<JobEntity> {
    const gone = `its host "${job.host}" was removed from the controller`;
    const { job: ended } =
      job.status === "queued"
        ? await this.recorder.act(
            job.id,
            { act: "refuse" },
            { code: "host_refused", message: `It never began: ${gone}` },
          )
        : await this.recorder.act(
            job.id,
            { act: "ended", status: "lost" },
            { code: "runner_lost", message: `How it ended cannot be known: ${gone}. It may go on there` },
          );
    return ended;
  }

  private async load(jobId: string): Promise<JobEntity> {
    return await this.dataSource.manager.findOneByOrFail(JobEntity, { id: jobId });
  }

  /** One try: ends without an error when the host closed the stream, be the job final or not. */
  private async once(hostId: string, job: JobEntity, signal: AbortSignal): Promise<void> {
    const mayBeNew = job.agentSequence === 0 && !job.restored;
    if (mayBeNew && job.status !== "cancelling" && !(await this.start(hostId, job))) return;
    try {
      if ((await this.load(job.id)).status === "cancelling") await this.hosts.cancel(hostId, job.id);
      await this.follow(hostId, await this.load(job.id), signal);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== "not_found") throw error;
      await this.unknown(await this.load(job.id));
    }
  }

  private sealedOf(job: JobEntity): Sealed | undefined {
    return job.sealed === null ? undefined : this.secrets.open(job.sealed);
  }

  /** False when the host would not take it: the job has failed then. */
  private async start(hostId: string, job: JobEntity): Promise<boolean> {
    try {
      await this.hosts.start(hostId, toSpec(job, this.sealedOf(job)));
      return true;
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === "host_not_in_contact") throw error;
      if (error.more.details?.["hostCode"] === "job_forgotten") {
        await this.lost(job, "The host has run this job before and was told that it could forget it");
        return false;
      }
      await this.recorder.act(job.id, { act: "refuse" }, { code: "host_refused", message: error.message });
      return false;
    }
  }

  /** The host does not know the job. One that was never sent, or never came there, has not begun; of any other nothing can be known. */
  private async unknown(job: JobEntity): Promise<void> {
    if (job.restored) {
      await this.lost(job, "The database was restored from a copy, and the host does not know the job any more");
      return;
    }
    if (job.agentSequence > 0) {
      await this.lost(job, "The host does not know the job any more");
      return;
    }
    if (job.status !== "cancelling") throw new Error(`${job.host} does not know the job that it has just taken`);
    const reason = { code: "cancelled", message: "Cancelled before it began on its host" };
    await this.recorder.act(job.id, { act: "ended", status: "cancelled" }, reason);
  }

  private async lost(job: JobEntity, why: string): Promise<void> {
    const message = `${why}; how it ended cannot be known here. Look at the host: convirt host drift --host ${job.host}`;
    await this.recorder.act(job.id, { act: "ended", status: "lost" }, { code: "runner_lost", message });
  }

  private async follow(hostId: string, from: JobEntity, signal: AbortSignal): Promise<void> {
    const broken = new AbortController();
    const both = AbortSignal.any([signal, broken.signal, this.agents.contactLost(hostId)]);
    let staging: Promise<void> | undefined;
    let because: Reason | undefined;
    const stageIfAsked = (job: JobEntity): void => {
      if (job.staging === null || staging !== undefined) return;
      staging = this.staging
        .stage(hostId, job, both)
        .then(async (refused) => {
          because = refused;
          if (refused !== undefined) await this.hosts.cancel(hostId, job.id);
        })
        .catch((error: unknown) => broken.abort(error));
    };
    stageIfAsked(from);
    try {
      const secrets = this.sealedOf(from)?.secrets ?? [];
      const place = { afterSequence: BigInt(from.agentSequence), logOffset: BigInt(from.logBytes) };
      const where = { jobId: from.id, ...place, secrets };
      for await (const batch of this.hosts.follow(hostId, where, both)) {
        const job = await this.recorder.record(from.id, batch, because);
        if (job === undefined) continue;
        if (isFinal(job.status)) return;
        stageIfAsked(job);
      }
    } finally {
      broken.abort(new Error("the job is no longer followed"));
      await staging;
    }
  }
}

function backoffMs(failures: number): number {
  if (failures === 0) return 0;
  const window = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(failures, 10));
  return window / 2 + Math.random() * (window / 2);
}
