// The trees that a job's host waits for: the very versions that were rendered when the job was asked for, and no others.
import { Injectable, Logger } from "@nestjs/common";
import { StagingService } from "../agents/staging.service.js";
import { Refusal } from "../errors/refusal.js";
import { ImagesService } from "../images/images.service.js";
import type { JobEntity } from "./job.entity.js";
import { JobRecorder, type Reason } from "./job-recorder.js";

/** Progress is told as often as a person's eye follows it on a fast link, and seldom on a slow one: each is an event that is stored. */
const progressBytes = 8 * 1024 * 1024;
const progressMs = 250;

@Injectable()
export class JobStaging {
  private readonly log = new Logger("provisioning");

  constructor(
    private readonly staging: StagingService,
    private readonly images: ImagesService,
    private readonly recorder: JobRecorder,
  ) {}

  /** Brings all of them; answers why not when it can never be done. Throws what may be tried again. */
  async stage(hostId: string, job: JobEntity, signal: AbortSignal): Promise<Reason | undefined> {
    try {
      for (const wanted of job.staging ?? []) await this.bring(hostId, job, wanted, signal);
      return undefined;
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === "host_not_in_contact") throw error;
      const { hostCode } = error.more.details ?? {};
      const code = hostCode === "no_space" || hostCode === "digest_mismatch" ? hostCode : "staging_failed";
      return { code, message: error.message };
    }
  }

  private async bring(
    hostId: string,
    job: JobEntity,
    { name, digest }: { name: string; digest: string },
    signal: AbortSignal,
  ): Promise<void> {
    const tree = (await this.images.trees(job.image)).find((each) => each.name === name && each.digest === digest);
    if (tree === undefined)
      throw new Refusal("changed_meanwhile", `Cannot stage "${name}" on ${job.host}: it changed since the request`);
    const told = { bytes: 0, atMs: 0 };
    await this.staging.stage(hostId, tree, signal, ({ bytes, total }) => {
      const atMs = performance.now();
      if (bytes < total && (bytes - told.bytes < progressBytes || atMs - told.atMs < progressMs)) return;
      Object.assign(told, { bytes, atMs });
      this.tell(job.id, bytes, total);
    });
  }

  private tell(jobId: string, bytesSent: number, bytesTotal: number): void {
    this.recorder
      .append(jobId, [{ kind: "staging", bytesSent, bytesTotal }])
      .catch((error: unknown) =>
        this.log.error({ msg: "cannot store the progress of staging", job: jobId, err: error }),
      );
  }
}
