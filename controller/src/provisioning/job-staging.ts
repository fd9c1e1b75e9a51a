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

/** What was sent of a tree, and what is to be. */
interface Share {
  bytes: number;
  total: number;
}

@Injectable()
export class JobStaging {
  private readonly log = new Logger("provisioning");

  constructor(
    private readonly staging: StagingService,
    private readonly images: ImagesService,
    private readonly recorder: JobRecorder,
  ) {}

  /** Brings all of them, beside each other; answers why not when it can never be done. Throws what may be tried again. */
  async stage(hostId: string, job: JobEntity, signal: AbortSignal): Promise<Reason | undefined> {
    const oneFailed = new AbortController();
    const either = AbortSignal.any([signal, oneFailed.signal]);
    const sent = this.progress(job.id);
    const brought = (job.staging ?? []).map((wanted) =>
      this.bring(hostId, job, wanted, either, (share) => sent(wanted.name, share)).catch((error: unknown) => {
        oneFailed.abort(error);
        throw error;
      }),
    );
    try {
      await Promise.all(brought);
      return undefined;
    } catch (error) {
      // Whoever tries again finds none of this try still under way.
      await Promise.allSettled(brought);
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
    sent: (share: Share) => void,
  ): Promise<void> {
    const tree = (await this.images.trees(job.image)).find((each) => each.name === name && each.digest === digest);
    if (tree === undefined)
      throw new Refusal("changed_meanwhile", `Cannot stage "${name}" on ${job.host}: it changed since the request`);
    await this.staging.stage(hostId, tree, signal, sent);
  }

  /** Tells of all trees together. */
  private progress(jobId: string): (tree: string, share: Share) => void {
    const shares = new Map<string, Share>();
    const told = { bytes: 0, atMs: 0 };
    const sum = (of: keyof Share) => [...shares.values()].reduce((all, share) => all + share[of], 0);
    return (tree, share) => {
      shares.set(tree, share);
      const [bytes, total] = [sum("bytes"), sum("total")];
      const atMs = performance.now();
      if (bytes < total && (bytes - told.bytes < progressBytes || atMs - told.atMs < progressMs)) return;
      Object.assign(told, { bytes, atMs });
      this.tell(jobId, bytes, total);
    };
  }

  private tell(jobId: string, bytesSent: number, bytesTotal: number): void {
    this.recorder
      .append(jobId, [{ kind: "staging", bytesSent, bytesTotal }])
      .catch((error: unknown) =>
        this.log.error({ msg: "cannot store the progress of staging", job: jobId, err: error }),
      );
  }
}
