// One job from its queue to its end: start on the host, follow, stage when the host asks. What breaks on the way is begun again from what is
// stored, with growing pauses; what the host refuses ends the job. The same id is sent every time, and a job of which the host has told
// anything is never sent again, so nothing runs twice.
import { setTimeout as pause } from "node:timers/promises";
import type { ProvisionSpec } from "@convirt/proto/provision";
import { Injectable, Logger } from "@nestjs/common";
import { DataSource } from "typeorm";
import { AgentsService } from "../agents/agents.service.js";
import { JobsService } from "../agents/jobs.service.js";
import { StagingService } from "../agents/staging.service.js";
import { Refusal } from "../errors/refusal.js";
import { ImagesService } from "../images/images.service.js";
import { JobEntity } from "./job.entity.js";
import { JobRecorder } from "./job-recorder.js";
import { isFinal } from "./job-state.js";

const firstPauseMs = 200;
const longestPauseMs = 15_000;
const progressBytes = 8 * 1024 * 1024;

export function toSpec(
  job: Pick<JobEntity, "id" | "vm" | "vmUuid" | "image" | "start" | "spec" | "request">,
): ProvisionSpec {
  return {
    jobId: job.id,
    vmName: job.vm,
    vmUuid: job.vmUuid,
    image: job.image,
    trees: job.spec.trees.map(({ name, digest, bytes }) => ({ name, digest, bytes: BigInt(bytes) })),
    imageConf: job.spec.imageConf,
    vmConf: job.spec.vmConf,
    start: job.start,
    replaceDisks: job.request.replaceDisks,
    timeoutMs: job.spec.timeoutMs,
    cleanOnFailure: false,
  };
}

@Injectable()
export class JobRun {
  private readonly log = new Logger("provisioning");
  private readonly dataSource: DataSource;
  private readonly agents: AgentsService;
  private readonly hosts: JobsService;
  private readonly staging: StagingService;
  private readonly images: ImagesService;
  private readonly recorder: JobRecorder;

  constructor(
    dataSource: DataSource,
    agents: AgentsService,
    hosts: JobsService,
    staging: StagingService,
    images: ImagesService,
    recorder: JobRecorder,
  ) {
    this.dataSource = dataSource;
    this.agents = agents;
    this.hosts = hosts;
    this.staging = staging;
    this.images = images;
    this.recorder = recorder;
  }

  /** Resolves when the job is final; rejects when `signal` is aborted or by a bug. */
  async untilEnd(hostId: string, jobId: string, signal: AbortSignal): Promise<void> {
    await this.recorder.act(jobId, { act: "dispatch" }, { code: null, message: null });
    for (let failures = 0; ; ) {
      signal.throwIfAborted();
      const before = await this.load(jobId);
      if (isFinal(before.status)) return;
      try {
        await this.agents.untilContact(hostId, signal);
        await this.once(hostId, before, signal);
        failures = 0;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Refusal && error.code !== "host_not_in_contact") {
          await this.refused(jobId, error);
          return;
        }
        this.log.warn({ msg: "a job's host cannot be followed for now", job: jobId, host: before.host, err: error });
        const after = await this.load(jobId);
        failures = after.lastSequence > before.lastSequence ? 0 : failures + 1;
      }
      await pause(backoffMs(failures), undefined, { signal });
    }
  }

  private async load(jobId: string): Promise<JobEntity> {
    return await this.dataSource.manager.findOneByOrFail(JobEntity, { id: jobId });
  }

  /** One try: ends without an error when the host closed the stream, be the job final or not. */
  private async once(hostId: string, job: JobEntity, signal: AbortSignal): Promise<void> {
    const wasTold = job.agentSequence > 0;
    if (job.status === "cancelling" && !wasTold && (await this.cancelUnknown(hostId, job.id))) return;
    if (!wasTold && job.status !== "cancelling") await this.hosts.start(hostId, toSpec(job));
    if ((await this.load(job.id)).status === "cancelling") await this.hosts.cancel(hostId, job.id);
    await this.follow(hostId, await this.load(job.id), signal);
  }

  /** A job to be cancelled of which the host never told anything: when the host does not know it, it never began. */
  private async cancelUnknown(hostId: string, jobId: string): Promise<boolean> {
    try {
      await this.hosts.cancel(hostId, jobId);
      return false;
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== "not_found") throw error;
      const reason = { code: "cancelled", message: "Cancelled before it began on its host" };
      await this.recorder.act(jobId, { act: "ended", status: "cancelled" }, reason);
      return true;
    }
  }

  private async follow(hostId: string, from: JobEntity, signal: AbortSignal): Promise<void> {
    const broken = new AbortController();
    const both = AbortSignal.any([signal, broken.signal, this.agents.contactLost(hostId)]);
    let staging: Promise<void> | undefined;
    const stageIfAsked = (job: JobEntity): void => {
      if (job.staging === null || staging !== undefined) return;
      staging = this.stage(hostId, job, both).catch((error: unknown) => broken.abort(error));
    };
    stageIfAsked(from);
    try {
      const where = { jobId: from.id, afterSequence: BigInt(from.agentSequence), logOffset: BigInt(from.logBytes) };
      for await (const batch of this.hosts.follow(hostId, where, both)) {
        const job = await this.recorder.record(from.id, batch);
        if (isFinal(job.status)) {
          this.forget(hostId, from.id);
          return;
        }
        stageIfAsked(job);
      }
    } finally {
      broken.abort(new Error("the job is no longer followed"));
      await staging;
    }
  }

  private async stage(hostId: string, job: JobEntity, signal: AbortSignal): Promise<void> {
    const wanted = job.staging ?? [];
    const trees = await this.images.trees(job.image);
    for (const { name, digest } of wanted) {
      const tree = trees.find((each) => each.name === name && each.digest === digest);
      if (tree === undefined)
        throw new Refusal("changed_meanwhile", `Cannot stage "${name}" on ${job.host}: it changed since the request`);
      let told = 0;
      const sent = ({ bytes, total }: { bytes: number; total: number }): void => {
        if (bytes < total && bytes - told < progressBytes) return;
        told = bytes;
        this.tell(job.id, bytes, total);
      };
      await this.staging.stage(hostId, tree, signal, sent);
    }
  }

  private tell(jobId: string, bytesSent: number, bytesTotal: number): void {
    this.recorder
      .append(jobId, [{ kind: "staging", bytesSent, bytesTotal }])
      .catch((error: unknown) =>
        this.log.error({ msg: "cannot store the progress of staging", job: jobId, err: error }),
      );
  }

  /** All of it is stored here; a host that is not told keeps its journal a little longer, which harms nobody. */
  private forget(hostId: string, jobId: string): void {
    this.hosts.forget(hostId, jobId).catch((error: unknown) => {
      this.log.warn({ msg: "a host was not told that a job is stored", job: jobId, err: error });
    });
  }

  private async refused(jobId: string, refusal: Refusal): Promise<void> {
    const { agentSequence } = await this.load(jobId);
    const isLost = refusal.code === "not_found" && agentSequence > 0;
    const message = isLost ? "The host does not know the job any more; how it ended cannot be known" : refusal.message;
    if (isLost) await this.recorder.act(jobId, { act: "ended", status: "lost" }, { code: "runner_lost", message });
    else await this.recorder.act(jobId, { act: "refuse" }, { code: "host_refused", message });
  }
}

function backoffMs(failures: number): number {
  if (failures === 0) return 0;
  const window = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(failures, 10));
  return window / 2 + Math.random() * (window / 2);
}
