// Requests for VMs, and the jobs that they become. A request is checked whole before anything is written; then job and first event are one
// transaction and the dispatcher has it. Nothing is ever run again by itself: a retry is a new job that names the old one.
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Grant } from "@convirt/contract/access";
import type { DryRunReply, JobDetail, ProvisionBody, retryBody } from "@convirt/contract/job";
import { hideSecrets } from "@convirt/image-format/secrets";
import { CancelOutcome } from "@convirt/proto/provision";
import { Injectable, Logger } from "@nestjs/common";
import { createTwoFilesPatch } from "diff";
import { DataSource } from "typeorm";
import type { z } from "zod";
import { JobsService } from "../agents/jobs.service.js";
import { StagingService } from "../agents/staging.service.js";
import { inTransaction } from "../database/write-queue.js";
import { Refusal } from "../errors/refusal.js";
import { Dispatcher } from "./dispatcher.js";
import { toLeftover, without } from "./host-events.js";
import { JobEntity, JobEventEntity, type StoredLeftover } from "./job.entity.js";
import { fromRow } from "./job-events.js";
import { JobRecorder } from "./job-recorder.js";
import { toSpec } from "./job-run.js";
import { isFinal } from "./job-state.js";
import { type Checked, RequestCheck } from "./request-check.js";
import { declaredSecrets, JobSecrets, withoutSecrets } from "./secrets.js";

export interface Requester {
  username: string;
  userId: string;
  grants: readonly Grant[];
}

const mostNotes = 50;

type KeptLeftover = StoredLeftover & { code: string; message: string };
type CancelWord = "never_started" | "asked_to_stop" | "too_late";

@Injectable()
export class ProvisioningService {
  private readonly log = new Logger("provisioning");
  private readonly dataSource: DataSource;
  private readonly checker: RequestCheck;
  private readonly recorder: JobRecorder;
  private readonly dispatcher: Dispatcher;
  private readonly hosts: JobsService;
  private readonly staging: StagingService;
  private readonly secrets: JobSecrets;

  // A seventh: what is sealed is opened where jobs are run, and closed where they are made.
  constructor(
    dataSource: DataSource,
    checker: RequestCheck,
    recorder: JobRecorder,
    dispatcher: Dispatcher,
    hosts: JobsService,
    staging: StagingService,
    secrets: JobSecrets,
  ) {
    this.dataSource = dataSource;
    this.checker = checker;
    this.recorder = recorder;
    this.dispatcher = dispatcher;
    this.hosts = hosts;
    this.staging = staging;
    this.secrets = secrets;
  }

  /** Logs that were found to differ from their host's since the start. */
  get logFaults(): number {
    return this.recorder.logFaults;
  }

  /** Queues a job, or gives the one that the same key made. Throws Refusal. */
  async request(
    body: ProvisionBody,
    by: Requester,
    key: string | null,
    retryOf: string | null = null,
  ): Promise<JobEntity> {
    const known = await this.byKey(by, key, body, retryOf);
    if (known !== null) return known;
    const checked = await this.checker.check(body, by);
    const job = newJob(by, key, retryOf, checked);
    job.sealed = checked.sealed === undefined ? null : this.secrets.close(checked.sealed);
    const made = await inTransaction(this.dataSource, async (tx) => {
      if (key !== null && (await tx.existsBy(JobEntity, { requestedById: by.userId, idempotencyKey: key })))
        return false;
      await this.checker.nameFree(tx, body.vm, checked.hostId);
      await this.recorder.create(tx, job);
      return true;
    });
    if (!made) return (await this.byKey(by, key, body, retryOf)) ?? job;
    this.recorder.announce(job);
    this.dispatcher.enqueue(job.hostId, job.id);
    const { image, host, vm, reason } = job;
    this.log.log({ msg: "job requested", job: job.id, image, host, vm, by: by.username, reason, retryOf });
    return job;
  }

  /** The job that the key made. Throws Refusal idempotency_key_reused when it was another request's. */
  private async byKey(
    by: Requester,
    key: string | null,
    body: ProvisionBody,
    retryOf: string | null,
  ): Promise<JobEntity | null> {
    if (key === null) return null;
    const known = await this.dataSource.manager.findOneBy(JobEntity, { requestedById: by.userId, idempotencyKey: key });
    // Secrets are not kept, so not compared either.
    const asked = withoutSecrets(body, known?.secretNames ?? { imageConf: [], vmConf: [] }).body;
    const isSame = isDeepStrictEqual(known?.request, JSON.parse(JSON.stringify(asked))) && known?.retryOf === retryOf;
    if (known !== null && !isSame)
      throw new Refusal("idempotency_key_reused", `The key was used for another request, which made job ${known.id}`);
    return known;
  }

  /** The names of options that hold secrets, for who records the request. */
  async secretsOf(image: string): Promise<ReadonlySet<string>> {
    const { imageConf, vmConf } = declaredSecrets(await this.checker.imageOf(image));
    return new Set([...imageConf, ...vmConf]);
  }

  /** What would happen. Nothing is written, here or on the host. */
  async dryRun(body: ProvisionBody, by: Requester): Promise<DryRunReply> {
    const checked = await this.checker.check(body, by);
    const job = newJob(by, null, null, checked);
    const hide = (text: string) => hideSecrets(text, checked.sealed?.secrets ?? []);
    const [verdict, bytesToStage] = await Promise.all([
      this.hosts.check(checked.hostId, toSpec(job, checked.sealed)),
      this.staging.bytesLacking(checked.hostId, checked.trees),
    ]);
    const base = `${verdict.logPath.slice(0, verdict.logPath.lastIndexOf("/") + 1)}${body.image}_${body.vm}`;
    return {
      accepted: verdict.refusals.length === 0,
      refusals: verdict.refusals.map(({ code, message }) => ({ code, message })),
      diagnostics: checked.rendered.diagnostics.map((each) => ({ ...each, message: hide(each.message) })),
      files: [
        fileOf(`${base}_image.conf`, checked.spec.imageConf, "image.conf", hide(checked.templates.imageConf)),
        fileOf(`${base}_vm.conf`, checked.spec.vmConf, "vm_conf.template", hide(checked.templates.vmConf)),
        { path: verdict.vmConfigPath, text: verdict.vmConfig, diff: "" },
      ],
      bytesToStage,
    };
  }

  /** Throws Refusal not_found. */
  async find(id: string): Promise<JobEntity> {
    const job = await this.dataSource.manager.findOneBy(JobEntity, { id });
    if (job === null) throw new Refusal("not_found", `There is no job "${id.slice(0, 80)}"`);
    return job;
  }

  /** What a job has told beside its log: how far staging has come, and remarks. */
  async told(job: JobEntity): Promise<Pick<JobDetail, "staging" | "notes">> {
    const ask = (kind: "staging" | "note", take: number) =>
      this.dataSource.manager.find(JobEventEntity, {
        where: { jobId: job.id, kind },
        order: { sequence: "DESC" },
        take,
      });
    const [staging, notes] = await Promise.all([ask("staging", 1), ask("note", mostNotes)]);
    const last = staging.map(fromRow)[0];
    return {
      staging: last?.kind === "staging" ? { bytesSent: last.bytesSent, bytesTotal: last.bytesTotal } : null,
      notes: notes
        .reverse()
        .map(fromRow)
        .flatMap((event) => (event.kind === "note" ? [{ phase: event.phase, at: event.at, text: event.text }] : [])),
    };
  }

  /** Asks a job to stop, and says in which of three states it was found. Throws Refusal not_found. */
  async cancel(id: string, by: Requester): Promise<{ outcome: CancelWord; hostTold: boolean; job: JobEntity }> {
    const job = await this.find(id);
    if (isFinal(job.status)) return { outcome: "too_late", hostTold: false, job };
    this.log.log({ msg: "job cancel", job: id, vm: job.vm, host: job.host, by: by.username });
    const reason = { code: "cancelled", message: `Cancelled by ${by.username}` };
    const neverTaken = this.dispatcher.withdraw(job.hostId, id);
    const { job: now } = await this.recorder.act(id, { act: "cancel" }, reason).catch((error: unknown) => {
      // The wish could not be stored: the job stays in its queue.
      if (neverTaken) this.dispatcher.enqueue(job.hostId, id);
      throw error;
    });
    if (neverTaken || now.status === "cancelled") return { outcome: "never_started", hostTold: false, job: now };
    if (isFinal(now.status)) return { outcome: "too_late", hostTold: false, job: now };
    const asked = await this.askToStop(now);
    return { ...asked, job: await this.find(id) };
  }

  private async askToStop(job: JobEntity): Promise<{ outcome: CancelWord; hostTold: boolean }> {
    try {
      const outcome = await this.hosts.cancel(job.hostId, job.id);
      if (outcome === CancelOutcome.TOO_LATE) return { outcome: "too_late", hostTold: true };
      return {
        outcome: outcome === CancelOutcome.NEVER_STARTED ? "never_started" : "asked_to_stop",
        hostTold: true,
      };
    } catch (error) {
      // The wish is stored; the job's run tells the host when it is in contact, or finds that the job never began there.
      this.log.warn({ msg: "a host was not told of a cancel yet", job: job.id, host: job.host, err: error });
      return { outcome: "asked_to_stop", hostTold: false };
    }
  }

  /** Cleans what a job that has ended left on its host. Throws Refusal not_found, job_not_cleanable, agent_too_old, host_not_in_contact. */
  async clean(id: string, by: Requester): Promise<{ cleaned: StoredLeftover[]; kept: KeptLeftover[]; job: JobEntity }> {
    const job = await this.find(id);
    if (!isFinal(job.status) || job.status === "succeeded")
      throw new Refusal(
        "job_not_cleanable",
        `Cannot clean what job ${id} left: it is ${job.status}; failed, cancelled or lost is wanted`,
      );
    const reply = await this.hosts.clean(job.hostId, id);
    const cleaned = without(reply.removed.map(toLeftover), job.cleaned);
    const kept = reply.remaining.flatMap(({ leftover, code, message }) =>
      leftover === undefined ? [] : [{ ...toLeftover(leftover), code, message }],
    );
    this.log.log({
      msg: "job cleaned",
      ...{ job: id, host: job.host, by: by.username, cleaned: cleaned.length, kept: kept.length },
    });
    return { cleaned, kept, job: await this.recorder.cleaned(id, by.username, { cleaned, kept }) };
  }

  /** A new job with the old one's request. Throws Refusal job_not_retryable and all that `request` does. */
  async retry(id: string, by: Requester, key: string | null, secrets: z.output<typeof retryBody>): Promise<JobEntity> {
    const job = await this.find(id);
    if (!isFinal(job.status) || job.status === "succeeded")
      throw new Refusal(
        "job_not_retryable",
        `Cannot retry job ${id}: it is ${job.status}; failed, cancelled or lost is wanted`,
      );
    const missing = (["imageConf", "vmConf"] as const).flatMap((file) =>
      (job.secretNames?.[file] ?? []).filter((name) => !Object.hasOwn(secrets[file], name)),
    );
    if (missing.length > 0)
      throw new Refusal(
        "secrets_needed",
        `Cannot retry job ${id}: give ${missing.join(", ")} again; secret values are not kept`,
        { fields: missing.map((path) => ({ path, message: "is secret, and was not kept" })) },
      );
    const { request } = job;
    const imageConf = { ...request.imageConf, ...only(secrets.imageConf, job.secretNames?.imageConf) };
    const vmConf = { ...request.vmConf, ...only(secrets.vmConf, job.secretNames?.vmConf) };
    return await this.request({ ...request, imageConf, vmConf }, by, key, id);
  }
}

/** A retry is the same request: nothing but its secrets is taken. */
function only(values: ProvisionBody["imageConf"], names: readonly string[] = []): ProvisionBody["imageConf"] {
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)));
}

function newJob(by: Requester, key: string | null, retryOf: string | null, checked: Checked): JobEntity {
  const { hostId, host, vmUuid, imageVersion, spec, options, request: body, secretNames } = checked;
  return {
    ...{
      id: randomUUID(),
      number: 0,
      restored: false,
      status: "queued",
      phase: null,
      image: body.image,
      imageVersion,
      hostId,
      host,
    },
    ...{ vm: body.vm, vmClaim: body.vm, vmUuid, start: body.start, requestedBy: by.username, requestedById: by.userId },
    ...{
      idempotencyKey: key,
      request: body,
      sealed: null,
      secretNames,
      spec,
      options,
      reason: body.reason ?? null,
      retryOf,
    },
    ...{ createdAt: new Date().toISOString(), startedAt: null, endedAt: null },
    ...{
      code: null,
      message: null,
      exitCode: null,
      logBytes: 0,
      logSha256: null,
      logFault: null,
      logCut: false,
      lastSequence: 0,
      agentSequence: 0,
    },
    ...{
      staging: null,
      phases: [],
      proofs: [],
      leftovers: [],
      cleaned: [],
      disks: [],
      vmConfigPath: null,
      vmConfig: null,
    },
  };
}

function fileOf(
  path: string,
  text: string,
  template: string,
  templateText: string,
): { path: string; text: string; diff: string } {
  return { path, text, diff: createTwoFilesPatch(template, path, templateText, text) };
}
