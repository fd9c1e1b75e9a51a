// Provisioning on this host: takes jobs, each by an id that was made once by the one who asks, and never runs one twice. What is under way when the agent goes is
// found again from the journal when it comes back.
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { renderXl } from "@convirt/image-format/xl/render";
import { renderXm } from "@convirt/image-format/xl/render-xm";
import {
  CancelOutcome,
  type CheckReply,
  type CleanReply,
  type CleanRequest,
  Outcome,
  type ProvisionServiceServer,
  type ProvisionSpec,
} from "@convirt/proto/provision";
import type { AgentConfig } from "../config/config.js";
import { diskTrouble } from "../disk/durable.js";
import { Refusal } from "../errors/errors.js";
import type { Inventory } from "../host/inventory.js";
import type { Footprint } from "../leftovers/footprint.js";
import type { KeptSecrets } from "../leftovers/kept-secrets.js";
import { Leftovers } from "../leftovers/leftovers.js";
import type { Log } from "../log.js";
import { Limiter } from "../process/limiter.js";
import { installRunner } from "../script/runner.js";
import type { Handlers } from "../server/handlers.js";
import type { Staging } from "../staging/staging.js";
import type { Toolstack } from "../toolstack/toolstack.js";
import { refusalsOf } from "./check.js";
import { toWire } from "./end.js";
import { follow, waitsAmong } from "./follow.js";
import { Forgotten } from "./forgotten.js";
import { Job, type JobDependencies } from "./job.js";
import { Journal } from "./journal.js";
import { makePlan } from "./plan.js";

export interface ProvisionerDependencies {
  config: AgentConfig;
  toolstack: Toolstack;
  inventory: Inventory;
  staging: Staging;
  secrets: KeptSecrets;
  log: Log;
  handlers: Handlers;
  /** A program by which scripts reach `config-to-shell`. */
  agentCommand: string;
  useScopes: boolean;
}

const mostJobs = 1000;
const cleanLimitMs = 120_000;
const jobId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const outcomes = {
  never_started: CancelOutcome.NEVER_STARTED,
  asked_to_stop: CancelOutcome.ASKED_TO_STOP,
  too_late: CancelOutcome.TOO_LATE,
} as const;

export class Provisioner {
  readonly #deps: ProvisionerDependencies;
  readonly #jobDeps: JobDependencies;
  readonly #jobsDir: string;
  readonly #forgotten: Forgotten;
  readonly #leftovers: Leftovers;
  readonly #jobs = new Map<string, Job>();
  readonly #running = new Set<Promise<void>>();
  readonly #waits = waitsAmong(() => this.#running.size);

  constructor(deps: ProvisionerDependencies) {
    this.#deps = deps;
    this.#jobsDir = join(deps.config.stateDir, "jobs");
    mkdirSync(this.#jobsDir, { recursive: true, mode: 0o700 });
    this.#forgotten = new Forgotten(deps.config.stateDir);
    const claims = (except: string) => this.#claims(except);
    const { stateDir, limits } = deps.config;
    const { inventory, toolstack, secrets } = deps;
    this.#leftovers = new Leftovers({ stateDir, inventory, toolstack, secrets, claims, graceMs: limits.stopGraceMs });
    this.#jobDeps = {
      config: deps.config,
      toolstack: deps.toolstack,
      inventory: deps.inventory,
      staging: deps.staging,
      log: deps.log,
      scripts: new Limiter(deps.config.concurrency.jobs),
      runner: installRunner(deps.config.stateDir),
      agentCommand: deps.agentCommand,
      useScopes: deps.useScopes,
      leftovers: this.#leftovers,
      secrets,
      claimsBefore: (id) => this.#claimsBefore(id),
    };
  }

  /** At start: takes up every job that the journal holds. */
  async recover(): Promise<void> {
    this.#deps.secrets.sweep(this.#deps.log);
    for (const id of readdirSync(this.#jobsDir).sort()) {
      // Whatever was to be forgotten when the agent was stopped is gone for good now.
      if (!jobId.test(id) || this.#forgotten.has(id)) rmSync(join(this.#jobsDir, id), { recursive: true, force: true });
      const found = Journal.open(join(this.#jobsDir, id));
      if (found === undefined) continue;
      const job = new Job(found.spec, found.journal, this.#jobDeps);
      this.#jobs.set(id, job);
      if (job.ended === undefined) this.#deps.log.info("taking up a job again", { jobId: id });
      this.#run(job);
    }
  }

  runningJobs(): number {
    return this.#running.size;
  }

  /** A job under way that needs the tree, by its id; undefined when there is none. */
  userOf(tree: string): string | undefined {
    for (const [id, { ended, spec }] of this.#jobs)
      if (ended === undefined && spec.trees.some(({ name }) => name === tree)) return id;
    return undefined;
  }

  /** Lets go of all jobs; their scripts go on. */
  async close(): Promise<void> {
    for (const job of this.#jobs.values()) job.detach();
    await Promise.all(this.#running);
    for (const job of this.#jobs.values()) job.journal.close();
  }

  service(): ProvisionServiceServer {
    const { handlers } = this.#deps;
    return {
      check: handlers.unary(({ spec }, signal) => this.#check(required(spec), signal)),
      start: handlers.unary(async ({ spec }) => ({ known: this.start(required(spec)) })),
      follow: handlers.serverStream((request, send, signal) =>
        follow(
          this.#job(request.jobId),
          { afterSequence: request.afterSequence, logOffset: Number(request.logOffset) },
          send,
          { signal, waits: this.#waits },
        ),
      ),
      cancel: handlers.unary(async (request) => ({ outcome: outcomes[this.#job(request.jobId).cancel()] })),
      listJobs: handlers.unary(async () => ({
        jobs: [...this.#jobs].map(([jobId, job]) => ({
          jobId,
          ended: job.ended !== undefined,
          lastSequence: BigInt(job.journal.entries.length),
          logBytes: BigInt(job.logBytes),
          vmName: job.spec.vmName,
          image: job.spec.image,
          vmUuid: job.spec.vmUuid,
          outcome: job.ended?.outcome ?? Outcome.UNSPECIFIED,
        })),
      })),
      clean: handlers.unary((request) => this.#clean(request)),
      forget: handlers.unary(async (request) => this.#forget(request.jobId)),
    };
  }

  /** True when the job was known already, and is left as it is. */
  start(spec: ProvisionSpec): boolean {
    if (this.#jobs.has(spec.jobId)) return true;
    makePlan(spec, this.#deps.config);
    if (this.#forgotten.has(spec.jobId))
      throw new Refusal("job_forgotten", `Job ${spec.jobId} was on this host and is forgotten; it does not run again`);
    if (this.#jobs.size >= mostJobs)
      throw new Refusal("too_many_jobs", `Cannot take the job: ${mostJobs} jobs are kept on this host already`);
    const job = new Job(spec, this.#journalOf(spec), this.#jobDeps);
    this.#jobs.set(spec.jobId, job);
    this.#run(job);
    return false;
  }

  #journalOf(spec: ProvisionSpec): Journal {
    // A folder without a spec is of a start that did not come to the disk.
    rmSync(join(this.#jobsDir, spec.jobId), { recursive: true, force: true });
    try {
      return Journal.create(this.#jobsDir, spec);
    } catch (error) {
      const trouble = diskTrouble(error);
      if (trouble === undefined) throw error;
      throw new Refusal("no_space", `Cannot take the job: ${trouble} in ${this.#jobsDir}`);
    }
  }

  #claims(except: string): Footprint[] {
    return footprintsOf([...this.#jobs.values()].filter((job) => job.spec.jobId !== except));
  }

  /** Of two jobs that want the same the one that has begun goes before, else the one that came first. */
  #claimsBefore(id: string): Footprint[] {
    const jobs = [...this.#jobs.values()];
    const own = jobs.findIndex((job) => job.spec.jobId === id);
    return footprintsOf(
      jobs.filter((job, index) => index !== own && (own < 0 || index < own || job.log !== undefined)),
    );
  }

  #run(job: Job): void {
    const running = job.run().finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #job(id: string): Job {
    const job = this.#jobs.get(id);
    if (job === undefined) throw new Refusal("not_found", `There is no job "${id}" on this host`);
    return job;
  }

  async #check(spec: ProvisionSpec, signal: AbortSignal): Promise<CheckReply> {
    const { config, staging, toolstack, inventory } = this.#deps;
    let plan: ReturnType<typeof makePlan>;
    try {
      plan = makePlan(spec, config);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return {
        refusals: [{ code: error.code, message: error.message }],
        vmConfig: "",
        vmConfigPath: "",
        logPath: "",
        lackingTrees: [],
      };
    }
    const refusals = await refusalsOf(spec, plan, {
      ...{ config, snapshot: await inventory.snapshot(5_000, signal), claims: this.#claimsBefore(spec.jobId) },
    });
    const lacking = await staging.lacking(spec.trees);
    const render = toolstack.name === "xl" ? renderXl : renderXm;
    return {
      refusals: refusals.map(({ code, message }) => ({ code, message })),
      vmConfig: render(plan.vmConf, { vmName: spec.vmName, uuid: spec.vmUuid }).text,
      vmConfigPath: plan.vmConfigPath,
      logPath: plan.files.log,
      lackingTrees: lacking.map((tree) => tree.name),
    };
  }

  async #clean({ jobId, paths }: CleanRequest): Promise<CleanReply> {
    const job = this.#jobs.get(jobId);
    if (job === undefined && !this.#leftovers.isKept(jobId) && !this.#forgotten.has(jobId))
      throw new Refusal("not_found", `There is no job "${jobId}" on this host`);
    if (job !== undefined && job.ended === undefined)
      throw new Refusal("bad_request", `Cannot clean up after job ${jobId}: it has not ended`);
    const { removed, remaining } = await this.#leftovers.clean(jobId, paths, AbortSignal.timeout(cleanLimitMs));
    return {
      removed: removed.map(toWire),
      remaining: remaining.map(({ left, code, message }) => ({ leftover: toWire(left), code, message })),
    };
  }

  #forget(id: string): Record<string, never> {
    const job = this.#job(id);
    if (job.ended === undefined) throw new Refusal("bad_request", `Cannot forget job ${id}: it has not ended`);
    this.#forgotten.add(id);
    job.journal.forget();
    this.#jobs.delete(id);
    return {};
  }
}

function footprintsOf(jobs: readonly Job[]): Footprint[] {
  return jobs.map((job) => job.footprint).filter((footprint) => footprint !== undefined);
}

function required(spec: ProvisionSpec | undefined): ProvisionSpec {
  if (spec === undefined) throw new Refusal("bad_request", "The request holds no spec");
  return spec;
}
