// Each time that a host is in contact, its journal is compared with ours. A job that has ended on both sides is forgotten there, once a copy of the
// database has it: until then the host keeps the outcome, so that a copy of last night that is put back can still learn it. A job that the host
// knows and we do not is taken over from its first event; it is followed, and never sent.
import type { JobSummary } from "@convirt/proto/provision";
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from "@nestjs/common";
import { DataSource, In } from "typeorm";
import { AgentsService } from "../agents/agents.service.js";
import { JobsService } from "../agents/jobs.service.js";
import { BackupsService } from "../backups/backups.service.js";
import { inTransaction } from "../database/write-queue.js";
import { HostEntity } from "../hosts/host.entity.js";
import { Dispatcher } from "./dispatcher.js";
import { JobEntity } from "./job.entity.js";
import { JobRecorder } from "./job-recorder.js";
import { isFinal } from "./job-state.js";

/** A host keeps no more ended jobs than this for us, copy or not: its journal holds 1000. */
const mostKept = 300;
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

@Injectable()
export class Takeover implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger("provisioning");
  private stopListening: (() => void) | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly agents: AgentsService,
    private readonly hosts: JobsService,
    private readonly recorder: JobRecorder,
    private readonly dispatcher: Dispatcher,
    private readonly backups: BackupsService,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.stopListening = this.agents.onContact((hostId, inContact) => {
      if (inContact) this.look(hostId);
    });
    this.backups.onCopy(() => void this.lookAtAll());
    this.dispatcher.onEnded((hostId) => this.look(hostId));
    await this.lookAtAll();
  }

  onApplicationShutdown(): void {
    this.stopListening?.();
  }

  private async lookAtAll(): Promise<void> {
    for (const { id } of await this.dataSource.manager.find(HostEntity, { select: { id: true } })) this.look(id);
  }

  private look(hostId: string): void {
    if (!this.agents.inContact(hostId)) return;
    this.compare(hostId).catch((error: unknown) => {
      this.log.warn({ msg: "a host's jobs could not be compared with ours; at its next contact", hostId, err: error });
    });
  }

  /** One host's journal against our records. */
  async compare(hostId: string): Promise<void> {
    const theirs = await this.hosts.list(hostId);
    if (theirs.length === 0) return;
    const ids = theirs.map((job) => job.jobId);
    const ours = await this.dataSource.manager.find(JobEntity, {
      select: { id: true, status: true, endedAt: true, number: true },
      where: { id: In(ids) },
      order: { number: "DESC" },
    });
    const known = new Set(ours.map((job) => job.id));
    for (const job of theirs) if (!known.has(job.jobId)) await this.takeOver(hostId, job);
    const ended = new Set(theirs.filter((job) => job.ended).map((job) => job.jobId));
    const copied = this.backups.isScheduled ? this.backups.all()[0]?.takenAt : undefined;
    const both = ours.filter((job) => isFinal(job.status) && ended.has(job.id));
    for (const [index, { id, endedAt }] of both.entries()) {
      const isCopied = !this.backups.isScheduled || (copied !== undefined && (endedAt ?? "") < copied);
      if (isCopied || index >= mostKept) await this.hosts.forget(hostId, id);
    }
  }

  private async takeOver(hostId: string, job: JobSummary): Promise<void> {
    const host = await this.dataSource.manager.findOneBy(HostEntity, { id: hostId });
    // An agent of an older release does not say enough of it: it is shown as drift.
    if (host === null || !uuidPattern.test(job.vmUuid) || !uuidPattern.test(job.jobId)) return;
    await inTransaction(this.dataSource, async (tx) => {
      if (await tx.existsBy(JobEntity, { id: job.jobId })) return;
      await this.recorder.create(tx, takenOver(host, job));
    });
    this.log.warn({ msg: "job taken over from its host", job: job.jobId, host: host.name, vm: job.vmName });
    this.dispatcher.takeUp(hostId, job.jobId);
  }
}

/** What was asked for is not known here; what came of it the host will tell. */
function takenOver(host: HostEntity, job: JobSummary): JobEntity {
  const { jobId: id, image, vmName: vm, vmUuid } = job;
  const nothing = { imageConf: {}, vmConf: {} };
  const request = {
    ...{ image, host: host.name, vm, ...nothing, start: false, replaceDisks: false, cleanOnFailure: false },
  };
  const at = new Date().toISOString();
  return {
    ...{
      id,
      number: 0,
      restored: true,
      sealed: null,
      secretNames: null,
      status: "running",
      phase: null,
      image,
      imageVersion: "0".repeat(64),
    },
    ...{ hostId: host.id, host: host.name, vm, vmClaim: null, vmUuid, start: false },
    ...{ requestedBy: "(taken over)", requestedById: "", idempotencyKey: null, request },
    ...{ spec: { trees: [], imageConf: "", vmConf: "", timeoutMs: 0 }, options: nothing },
    ...{ reason: `Known to ${host.name} and not to this controller`, retryOf: null },
    ...{ createdAt: at, startedAt: at, endedAt: null, code: null, message: null, exitCode: null, logBytes: 0 },
    ...{ logSha256: null, logFault: null, logCut: false, lastSequence: 0, agentSequence: 0, staging: null },
    ...{ phases: [], proofs: [], leftovers: [], cleaned: [], disks: [], vmConfigPath: null, vmConfig: null },
  };
}
