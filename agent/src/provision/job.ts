// One provision job on this host, from its journal to its end. The phases run in order, each may be run again after a crash but the script, which is launched at
// most once for a job whatever happens: a note of the launch is on the disk before it.
//
//   check ──▶ stage ──▶ script ──▶ prove ──▶ start? ──▶ succeeded
//     │         │          │         │          │
//     └─────────┴──────────┴─────────┴──────────┴─────▶ failed · cancelled · lost (runner gone, exit unknown)
import { createHash } from "node:crypto";
import { closeSync, createReadStream, existsSync, fsyncSync, openSync, statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { type Ended, type JobEvent, Outcome, type ProvisionSpec, Phase as WirePhase } from "@convirt/proto/provision";
import type { AgentConfig } from "../config/config.js";
import { Failure, type Phase, Refusal } from "../errors/errors.js";
import type { Inventory } from "../host/inventory.js";
import type { Log } from "../log.js";
import type { Limiter } from "../process/limiter.js";
import type { Staging } from "../staging/staging.js";
import { type Toolstack, ToolstackError } from "../toolstack/toolstack.js";
import { refusalsOf } from "./check.js";
import type { Journal } from "./journal.js";
import { clean, leftoversOf, lookAround } from "./leftovers.js";
import { makePlan, type Plan } from "./plan.js";
import { type Proven, prove } from "./prove.js";
import { exitCode, launch, signalScript, whenEnded } from "./runner.js";
import { scriptArguments, writeScriptFiles } from "./script-files.js";

export interface JobDependencies {
  config: AgentConfig;
  toolstack: Toolstack;
  inventory: Inventory;
  staging: Staging;
  log: Log;
  /** Scripts that may run at once. */
  scripts: Limiter;
  runner: string;
  agentCommand: string;
  useScopes: boolean;
  /** Between TERM and KILL. */
  graceMs: number;
}

const stagingLimitMs = 6 * 3_600_000;
const seenLimitMs = 30_000;

const wirePhases: Record<Phase, WirePhase> = {
  check: WirePhase.CHECK,
  stage: WirePhase.STAGE,
  script: WirePhase.SCRIPT,
  prove: WirePhase.PROVE,
  start: WirePhase.START,
};

export class Job {
  readonly spec: ProvisionSpec;
  readonly journal: Journal;
  readonly #deps: JobDependencies;
  readonly #listeners = new Set<() => void>();
  readonly #cancel = new AbortController();
  readonly #detach = new AbortController();
  #plan: Plan | undefined;
  #phase: Phase = "check";
  #before: ReadonlySet<string> = new Set();
  #proven: Proven | undefined;
  #domainId = 0;
  #exit: number | undefined;

  constructor(spec: ProvisionSpec, journal: Journal, deps: JobDependencies) {
    this.spec = spec;
    this.journal = journal;
    this.#deps = deps;
  }

  get ended(): Ended | undefined {
    const event = this.journal.entries.at(-1)?.event.event;
    return event?.$case === "ended" ? event.value : undefined;
  }

  /** Where the log is: an earlier job's was set aside when a later one took its name. */
  get logPath(): string | undefined {
    return this.journal.get("log-path")?.trim() ?? this.#plan?.files.log;
  }

  get logBytes(): number {
    const path = this.journal.get("launched") === undefined ? undefined : this.logPath;
    return path === undefined ? 0 : (statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  }

  /** Calls back after every event; returns how to stop that. */
  onEvent(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Runs what is left of the job; never throws. Returns at the end, or when the agent lets go of it. */
  async run(): Promise<void> {
    try {
      this.#plan = makePlan(this.spec, this.#deps.config);
      if (this.ended !== undefined) return;
      await this.#run(this.#plan);
      await this.#end({ outcome: Outcome.SUCCEEDED, code: "", message: "" });
    } catch (error) {
      if (this.#detach.signal.aborted) return;
      await this.#endWith(error);
    }
  }

  /** Lets go: the script goes on, and a later agent finds it. */
  detach(): void {
    this.#detach.abort(new Error("the agent stops"));
  }

  /** What came of the wish to stop. */
  cancel(): "never_started" | "asked_to_stop" | "too_late" {
    if (this.ended !== undefined || this.#phase === "start") return "too_late";
    const launched = this.journal.get("launched") !== undefined;
    if (launched && exitCode(this.journal.folder) !== undefined) return "too_late";
    this.journal.put("cancelled", new Date().toISOString());
    this.#cancel.abort(new Failure("cancelled", this.#phase, "The job was cancelled"));
    return launched ? "asked_to_stop" : "never_started";
  }

  async #run(plan: Plan): Promise<void> {
    const signal = AbortSignal.any([this.#cancel.signal, this.#detach.signal]);
    if (this.journal.get("cancelled") !== undefined) this.cancel();
    const launched = this.journal.get("launched");
    if (launched === undefined) {
      await this.#inPhase("check", () => this.#check(plan, signal));
      const release = await this.#inPhase("stage", () => this.#stage(signal));
      try {
        await this.#deps.scripts.run(signal, () => this.#inPhase("script", () => this.#script(plan, signal)));
      } finally {
        release();
      }
    } else {
      this.#before = new Set(JSON.parse(this.journal.get("before") ?? "[]") as string[]);
      const release = await this.#deps.staging.use(
        this.spec.trees.map((tree) => tree.name),
        signal,
      );
      try {
        await this.#inPhase("script", () => this.#awaitScript(plan, Date.parse(launched)));
      } finally {
        release();
      }
    }
    this.#proven = await this.#inPhase("prove", () => this.#prove(plan, signal));
    if (this.spec.start) await this.#inPhase("start", () => this.#start(plan));
  }

  async #check(plan: Plan, signal: AbortSignal): Promise<void> {
    const snapshot = await this.#deps.inventory.snapshot(10_000, signal);
    const [first] = await refusalsOf(this.spec, plan, this.#deps.config, snapshot);
    if (first !== undefined)
      throw new Failure(first.code === "no_space" ? "no_space" : "check_failed", "check", first.message);
  }

  /** Waits until every tree is here, asking for those that lack; then holds them. */
  async #stage(signal: AbortSignal): Promise<() => void> {
    const { staging } = this.#deps;
    const limited = AbortSignal.any([signal, AbortSignal.timeout(stagingLimitMs)]);
    for (;;) {
      const release = await staging.use(
        this.spec.trees.map((tree) => tree.name),
        limited,
      );
      const lacking = await staging.lacking(this.spec.trees);
      if (lacking.length === 0) return release;
      release();
      const committed = staging.nextCommit(limited);
      const asked = this.journal.entries.at(-1)?.event.event?.$case === "stagingNeeded";
      if (!asked) this.#emit({ $case: "stagingNeeded", value: { trees: lacking } });
      await committed;
    }
  }

  async #script(plan: Plan, signal: AbortSignal): Promise<void> {
    const { config, agentCommand, runner, useScopes } = this.#deps;
    signal.throwIfAborted();
    if (!existsSync(plan.scriptPath))
      throw new Failure("script_failed", "script", `The image "${this.spec.image}" has no provision.sh on this host`);
    this.#before = lookAround(plan);
    this.journal.put("before", JSON.stringify([...this.#before]));
    const environment = writeScriptFiles(this.spec, plan, config, this.journal, agentCommand);
    const launchedAt = new Date();
    // From here on the script counts as started, whatever happens to the agent.
    this.journal.put("launched", launchedAt.toISOString());
    sync(`${this.journal.folder}/launched`);
    launch(runner, {
      folder: this.journal.folder,
      command: scriptArguments(this.spec, plan, config),
      cwd: plan.imageDir,
      environment,
      logPath: plan.files.log,
      useScopes,
    });
    await this.#awaitScript(plan, launchedAt.getTime());
  }

  /** Waits for the script's end; on cancel or when its time is up TERM, then KILL. */
  async #awaitScript(plan: Plan, launchedAtMs: number): Promise<void> {
    const { folder } = this.journal;
    const over = new AbortController();
    const stop = AbortSignal.any([this.#cancel.signal, this.#timeUp(plan, launchedAtMs, over.signal)]);
    const stopping = this.#stopWhen(stop, over.signal);
    try {
      const code = await whenEnded(folder, this.#detach.signal, launchedAtMs);
      const why: unknown = stop.aborted ? stop.reason : undefined;
      if (code === "lost") {
        if (why instanceof Failure) throw why;
        throw new Failure(
          "runner_lost",
          "script",
          "The script's runner is gone, and nobody knows how far the script came",
        );
      }
      this.#exit = code;
      if (why instanceof Failure && code !== 0) throw why;
      if (code !== 0)
        throw new Failure("script_failed", "script", `provision.sh ended with ${code}; its last words are in the log`);
    } finally {
      over.abort();
      await stopping;
    }
  }

  #timeUp(plan: Plan, launchedAtMs: number, over: AbortSignal): AbortSignal {
    const controller = new AbortController();
    const timer = setTimeout(
      () =>
        controller.abort(
          new Failure(
            "timed_out",
            "script",
            `provision.sh ran for ${plan.timeoutMs / 1000} s, as long as it may, and was ended`,
          ),
        ),
      Math.max(0, launchedAtMs + plan.timeoutMs - Date.now()),
    );
    over.addEventListener("abort", () => clearTimeout(timer), { once: true });
    return controller.signal;
  }

  async #stopWhen(stop: AbortSignal, over: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      if (stop.aborted || over.aborted) return resolve();
      stop.addEventListener("abort", () => resolve(), { once: true });
      over.addEventListener("abort", () => resolve(), { once: true });
    });
    if (over.aborted) return;
    // A script that was just launched may not have noted its process yet.
    while (!signalScript(this.journal.folder, "SIGTERM") && !over.aborted)
      await delay(50, undefined, { signal: over }).catch(() => undefined);
    await delay(this.#deps.graceMs, undefined, { signal: over }).catch(() => undefined);
    if (!over.aborted) signalScript(this.journal.folder, "SIGKILL");
  }

  async #prove(plan: Plan, signal: AbortSignal): Promise<Proven> {
    const proven = await prove(this.spec, plan, this.#deps.toolstack, this.#deps.config.policy.diskRoots, signal);
    this.#proven = proven;
    const missing = proven.proofs.filter((proof) => !proof.holds);
    if (missing.length > 0) {
      throw new Failure(
        "not_proven",
        "prove",
        `The script ended with 0, but: ${missing.map((proof) => `${proof.subject} ${proof.found}`).join("; ")}`,
      );
    }
    return proven;
  }

  async #start(plan: Plan): Promise<void> {
    const { toolstack, inventory } = this.#deps;
    const signal = this.#detach.signal;
    const mine = async () => (await toolstack.list(signal)).find((domain) => domain.name === this.spec.vmName);
    try {
      // After a crash of the agent the domain may be there already: the wish is fulfilled.
      if ((await mine()) === undefined) await toolstack.create(plan.vmConfigPath, signal);
      const until = Date.now() + seenLimitMs;
      for (;;) {
        const domain = await mine();
        if (domain !== undefined) {
          this.#domainId = domain.id;
          return;
        }
        if (Date.now() > until)
          throw new Failure(
            "toolstack_failed",
            "start",
            `${toolstack.name} create said yes, but no domain "${this.spec.vmName}" was seen within ${seenLimitMs / 1000} s`,
          );
        await delay(200, undefined, { signal });
      }
    } catch (error) {
      if (error instanceof ToolstackError)
        throw new Failure("toolstack_failed", "start", error.message, { cause: error });
      throw error;
    } finally {
      inventory.refresh();
    }
  }

  async #inPhase<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    this.#phase = phase;
    const started = Date.now();
    const again = this.journal.entries.some(
      ({ event }) => event.event?.$case === "phaseStarted" && event.event.value.phase === wirePhases[phase],
    );
    if (!again) this.#emit({ $case: "phaseStarted", value: { phase: wirePhases[phase] } });
    const answer = await work();
    this.#emit({ $case: "phaseEnded", value: { phase: wirePhases[phase], durationMs: BigInt(Date.now() - started) } });
    return answer;
  }

  async #endWith(error: unknown): Promise<void> {
    if (error instanceof Failure) {
      const outcome =
        error.code === "cancelled" ? Outcome.CANCELLED : error.code === "runner_lost" ? Outcome.LOST : Outcome.FAILED;
      return this.#end({ outcome, code: error.code, message: error.message });
    }
    if (error instanceof Refusal)
      return this.#end({ outcome: Outcome.FAILED, code: "check_failed", message: error.message });
    this.#deps.log.error("A job met an error of the agent's own", { jobId: this.spec.jobId, error });
    return this.#end({
      outcome: Outcome.FAILED,
      code: "internal",
      message: "The agent met an error of its own; its log has it",
    });
  }

  async #end(how: { outcome: Outcome; code: string; message: string }): Promise<void> {
    const plan = this.#plan;
    const succeeded = how.outcome === Outcome.SUCCEEDED;
    let leftovers =
      succeeded || plan === undefined || this.journal.get("launched") === undefined
        ? []
        : leftoversOf(plan, this.spec.vmName, this.#before);
    if (this.spec.cleanOnFailure && leftovers.length > 0)
      leftovers = await clean(leftovers, AbortSignal.timeout(120_000));
    const logBytes = this.logBytes;
    this.#emit({
      $case: "ended",
      value: {
        ...how,
        phase: wirePhases[this.#phase],
        exitCode: this.#exit ?? -1,
        logBytes: BigInt(logBytes),
        logSha256: await digest(logBytes === 0 ? undefined : this.logPath, logBytes),
        proofs: this.#proven?.proofs ?? [],
        leftovers,
        cleaned: [],
        logCut: false,
        vmConfigPath: succeeded ? (plan?.vmConfigPath ?? "") : "",
        vmConfig: this.#proven?.vmConfig ?? "",
        vmConf: this.#proven?.vmConf ?? "",
        disks: this.#proven?.disks ?? [],
        domainId: this.#domainId,
      },
    });
    this.journal.close();
  }

  #emit(event: NonNullable<JobEvent["event"]>): void {
    const sequence = BigInt(this.journal.entries.length + 1);
    this.journal.append({ event: { sequence, at: new Date().toISOString(), event }, logBytes: this.logBytes });
    for (const listener of this.#listeners) listener();
  }
}

function sync(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** SHA-256 of the first `bytes` of the log: a child that the script left behind may still write. */
async function digest(path: string | undefined, bytes: number): Promise<string> {
  const hash = createHash("sha256");
  if (path !== undefined && bytes > 0) {
    for await (const chunk of createReadStream(path, { end: bytes - 1, highWaterMark: 1024 * 1024 }))
      hash.update(chunk as Buffer);
  }
  return hash.digest("hex");
}
