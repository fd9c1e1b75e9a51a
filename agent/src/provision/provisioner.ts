// Provisioning on this host: takes jobs, each by an id that was made once by the one who asks, and never runs one twice. What is under way when the agent goes is
// found again from the journal when it comes back.
import { existsSync, mkdirSync, readdirSync } from "node:fs";
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
import { Refusal } from "../errors/errors.js";
import type { Inventory } from "../host/inventory.js";
import type { Log } from "../log.js";
import { Limiter } from "../process/limiter.js";
import type { Handlers } from "../server/handlers.js";
import type { Staging } from "../staging/staging.js";
import type { Toolstack } from "../toolstack/toolstack.js";
import { refusalsOf } from "./check.js";
import { follow } from "./follow.js";
import { Job, type JobDependencies } from "./job.js";
import { Journal } from "./journal.js";
import { clean } from "./leftovers.js";
import { makePlan } from "./plan.js";
import { installRunner } from "./runner.js";

export interface ProvisionerDependencies {
  config: AgentConfig;
  toolstack: Toolstack;
  inventory: Inventory;
  staging: Staging;
  log: Log;
  handlers: Handlers;
  /** A program by which scripts reach `config-to-shell`. */
  agentCommand: string;
  useScopes: boolean;
  graceMs?: number;
}

const mostJobs = 1000;
const cleanLimitMs = 120_000;
const defaultGraceMs = 10_000;

const outcomes = {
  never_started: CancelOutcome.NEVER_STARTED,
  asked_to_stop: CancelOutcome.ASKED_TO_STOP,
  too_late: CancelOutcome.TOO_LATE,
} as const;

export class Provisioner {
  readonly #deps: ProvisionerDependencies;
  readonly #jobDeps: JobDependencies;
  readonly #jobsDir: string;
  readonly #jobs = new Map<string, Job>();
  readonly #running = new Set<Promise<void>>();

  constructor(deps: ProvisionerDependencies) {
    this.#deps = deps;
    this.#jobsDir = join(deps.config.stateDir, "jobs");
    mkdirSync(this.#jobsDir, { recursive: true, mode: 0o700 });
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
      graceMs: deps.graceMs ?? defaultGraceMs,
    };
  }

  /** At start: takes up every job that the journal holds. */
  async recover(): Promise<void> {
    for (const id of readdirSync(this.#jobsDir).sort()) {
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
          signal,
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
    if (existsSync(join(this.#jobsDir, spec.jobId, "spec"))) return true;
    if (this.#jobs.size >= mostJobs)
      throw new Refusal("too_many_jobs", `Cannot take the job: ${mostJobs} jobs are kept on this host already`);
    const job = new Job(spec, Journal.create(this.#jobsDir, spec), this.#jobDeps);
    this.#jobs.set(spec.jobId, job);
    this.#run(job);
    return false;
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
    const refusals = await refusalsOf(spec, plan, config, await inventory.snapshot(5_000, signal));
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
    const ended = this.#job(jobId).ended;
    if (ended === undefined) throw new Refusal("bad_request", `Cannot clean up after job ${jobId}: it has not ended`);
    const wanted = ended.leftovers.filter((one) => paths.length === 0 || paths.includes(one.path));
    const kept = await clean(wanted, AbortSignal.timeout(cleanLimitMs));
    return {
      removed: wanted.filter((one) => !kept.includes(one)),
      remaining: kept.map((leftover) => ({ leftover, code: "failed", message: "The host did not let it go" })),
    };
  }

  #forget(id: string): Record<string, never> {
    const job = this.#job(id);
    if (job.ended === undefined) throw new Refusal("bad_request", `Cannot forget job ${id}: it has not ended`);
    job.journal.forget();
    this.#jobs.delete(id);
    return {};
  }
}

function required(spec: ProvisionSpec | undefined): ProvisionSpec {
  if (spec === undefined) throw new Refusal("bad_request", "The request holds no spec");
  return spec;
}
