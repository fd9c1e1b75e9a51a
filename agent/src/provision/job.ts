// One provision job on this host, from its journal to its end. The phases run in order, each may be run again after a crash but the script and `xl create`, which
// are begun at most once for a job whatever happens: a note is on the disk before. A job whose script was not begun when the agent or the host went goes on: nothing
// had been changed, and all that it needs is in the journal. One whose script was begun in an earlier boot of the host is lost.
//
//   check ──▶ stage ──▶ script ──▶ prove ──▶ start? ──▶ succeeded
//     │         │          │         │          │
//     └─────────┴──────────┴─────────┴──────────┴─────▶ failed · cancelled · lost (runner gone, exit unknown)
import { type Ended, type JobEvent, Outcome, type ProvisionSpec, Phase as WirePhase } from "@convirt/proto/provision";
import type { AgentConfig } from "../config/config.js";
import { diskTrouble } from "../disk/durable.js";
import { Failure, type Phase, Refusal } from "../errors/errors.js";
import type { Inventory } from "../host/inventory.js";
import type { Footprint } from "../leftovers/footprint.js";
import type { KeptSecrets } from "../leftovers/kept-secrets.js";
import type { Leftovers } from "../leftovers/leftovers.js";
import type { Log } from "../log.js";
import { deadline } from "../process/deadline.js";
import type { Limiter } from "../process/limiter.js";
import { JobLog } from "../script/job-log.js";
import { Redactor } from "../script/redactor.js";
import { noSpaceOr, Script, type ScriptDependencies } from "../script/script.js";
import type { Staging } from "../staging/staging.js";
import type { Toolstack } from "../toolstack/toolstack.js";
import { refusalsOf } from "./check.js";
import { commandsOf, forgetSecrets, leftBy, nothingLeft, toWire, untilWritten } from "./end.js";
import type { Journal } from "./journal.js";
import { footprintOf, makePlan, type Plan } from "./plan.js";
import { notProvenOr, type Proven, prove } from "./prove.js";
import { startDomain } from "./start.js";

export interface JobDependencies extends ScriptDependencies {
  config: AgentConfig;
  toolstack: Toolstack;
  inventory: Inventory;
  staging: Staging;
  leftovers: Leftovers;
  secrets: KeptSecrets;
  log: Log;
  /** Scripts that may run at once. */
  scripts: Limiter;
  /** What jobs under way that go before this one may make. */
  claimsBefore: (jobId: string) => readonly Footprint[];
}

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
  readonly #redactor: Redactor | undefined;
  #planned: { plan: Plan; script: Script; log: JobLog } | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #cancel = new AbortController();
  readonly #detach = new AbortController();
  #phase: Phase = "check";
  #proven: Proven | undefined;
  #domainId = 0;
  #exit: number | undefined;

  constructor(spec: ProvisionSpec, journal: Journal, deps: JobDependencies) {
    this.spec = spec;
    this.#redactor = Redactor.of(spec.secrets);
    this.journal = journal;
    this.#deps = deps;
  }

  get #own() {
    return { spec: this.spec, journal: this.journal, deps: this.#deps, detach: this.#detach.signal };
  }

  /** Made when it is first needed: a job that ended long ago needs none. Throws a Refusal when the host's settings no longer allow it. */
  #plan(): { plan: Plan; script: Script; log: JobLog } {
    if (this.#planned === undefined) {
      const plan = makePlan(this.spec, this.#deps.config);
      const script = new Script(this.spec, plan, { journal: this.journal, deps: this.#deps });
      this.#planned = { plan, script, log: new JobLog(this.journal, plan.files.log, script.logMib, this.#redactor) };
    }
    return this.#planned;
  }

  #planIfAny(): { plan: Plan; script: Script; log: JobLog } | undefined {
    try {
      return this.#plan();
    } catch (error) {
      if (error instanceof Refusal) return undefined;
      throw error;
    }
  }

  get ended(): Ended | undefined {
    return this.journal.ended;
  }

  /** The log; undefined while the script has not begun. */
  get log(): JobLog | undefined {
    const planned = this.#planIfAny();
    return planned?.script.isLaunched === true ? planned.log : undefined;
  }

  get logBytes(): number {
    return this.log?.bytes ?? 0;
  }

  /** What it may make on this host; undefined once it has ended. */
  get footprint(): Footprint | undefined {
    const planned = this.ended === undefined ? this.#planIfAny() : undefined;
    return planned === undefined ? undefined : footprintOf(this.spec, planned.plan);
  }

  /** Calls back after every event, and when there is a log; returns how to stop that. */
  onEvent(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Runs what is left of the job; never throws. Returns at the end, or when the agent lets go of it. */
  async run(): Promise<void> {
    if (this.ended !== undefined) return;
    try {
      await this.#run().then(
        () => this.#end({ outcome: Outcome.SUCCEEDED, code: "", message: "" }),
        (error: unknown) => this.#endWith(error),
      );
    } catch (error) {
      if (!this.#detach.signal.aborted)
        this.#deps.log.error("A job could not be brought to its end", { jobId: this.spec.jobId, error });
    }
  }

  /** Lets go: the script goes on, and a later agent finds it. */
  detach(): void {
    this.#detach.abort(new Error("the agent stops"));
  }

  /** What came of the wish to stop. */
  cancel(): "never_started" | "asked_to_stop" | "too_late" {
    if (this.ended !== undefined || this.#phase === "prove" || this.#phase === "start") return "too_late";
    const launched = this.#planIfAny()?.script.isLaunched === true;
    if (launched && this.#exit !== undefined) return "too_late";
    try {
      this.journal.put("cancelled", new Date().toISOString());
    } catch (error) {
      // It is cancelled all the same; only an agent that is started anew would not know.
      if (diskTrouble(error) === undefined) throw error;
      this.#deps.log.warn("a cancellation cannot be written down", { jobId: this.spec.jobId, why: diskTrouble(error) });
    }
    this.#cancel.abort(new Failure("cancelled", this.#phase, "The job was cancelled"));
    return launched ? "asked_to_stop" : "never_started";
  }

  async #run(): Promise<void> {
    const { plan, script } = this.#plan();
    const signal = AbortSignal.any([this.#cancel.signal, this.#detach.signal]);
    if (script.isOfAnotherBoot)
      throw new Failure(
        "runner_lost",
        "script",
        "The host was started anew while the job was under way, or its note cannot be read; nobody knows how far it came",
      );
    if (this.journal.get("cancelled") !== undefined) this.cancel();
    if (script.isLaunched) await this.#takeUp(script);
    else {
      await this.#inPhase("check", () => this.#check(plan, signal));
      const release = await this.#inPhase("stage", () => this.#stage(signal));
      try {
        await this.#deps.scripts.run(signal, () => this.#inPhase("script", () => this.#begin(script, plan)));
      } finally {
        release();
      }
    }
    this.#proven = await this.#inPhase("prove", () => this.#prove(plan));
    if (this.spec.start) await this.#inPhase("start", () => this.#start(plan));
  }

  /** A script that was begun before this agent was: followed if it runs, launched if nobody had come to that. */
  async #takeUp(script: Script): Promise<void> {
    const names = this.spec.trees.map((tree) => tree.name);
    const release = await this.#deps.staging.use(names, this.#detach.signal);
    const ended = this.#inPhase("script", async () => {
      await script.launch(this.#detach.signal);
      await this.#awaitScript(script);
    }).finally(release);
    // It counts among those that run, without waiting for its turn.
    this.#deps.scripts.run(this.#detach.signal, () => ended).catch(() => undefined);
    await ended;
  }

  async #check(plan: Plan, signal: AbortSignal): Promise<void> {
    const snapshot = await this.#deps.inventory.snapshot(10_000, signal);
    const { config } = this.#deps;
    const [first] = await refusalsOf(this.spec, plan, {
      config,
      snapshot,
      claims: this.#deps.claimsBefore(this.spec.jobId),
    });
    if (first !== undefined)
      throw new Failure(first.code === "no_space" ? "no_space" : "check_failed", "check", first.message);
  }

  /** Waits until every tree is here, for as long as that may take; then holds them. */
  async #stage(signal: AbortSignal): Promise<() => void> {
    const { stagingMs } = this.#deps.config.limits;
    const limited = deadline(stagingMs, signal);
    try {
      return await this.#untilStaged(limited.signal);
    } catch (error) {
      if (!(error instanceof Error && error.name === "TimeoutError")) throw error;
      const message = `The image's files did not arrive within ${stagingMs / 1000} s (limits.staging_s)`;
      throw new Failure("staging_failed", "stage", message, { cause: error });
    } finally {
      limited.done();
    }
  }

  /** Asks for the trees that lack. */
  async #untilStaged(signal: AbortSignal): Promise<() => void> {
    const { staging } = this.#deps;
    const names = this.spec.trees.map((tree) => tree.name);
    for (;;) {
      const release = await staging.use(names, signal);
      const lacking = await staging.lacking(this.spec.trees);
      if (lacking.length === 0) return release;
      release();
      const committed = staging.nextCommit(signal);
      // Nobody waits for it when the asking fails.
      committed.catch(() => undefined);
      const asked = this.journal.entries.at(-1)?.event.event?.$case === "stagingNeeded";
      if (!asked) await this.#emit({ $case: "stagingNeeded", value: { trees: lacking } });
      await committed;
    }
  }

  async #begin(script: Script, plan: Plan): Promise<void> {
    const detach = this.#detach.signal;
    try {
      const before = await this.#deps.leftovers.before(footprintOf(this.spec, plan), detach);
      this.#cancel.signal.throwIfAborted();
      detach.throwIfAborted();
      script.prepare(before);
      this.#tell();
      await script.launch(detach);
    } catch (error) {
      throw noSpaceOr(error, "script", "start the script");
    }
    await this.#awaitScript(script);
  }

  async #awaitScript(script: Script): Promise<void> {
    await script.ended({ cancel: this.#cancel.signal, detach: this.#detach.signal }, (code) => (this.#exit = code));
  }

  async #prove(plan: Plan): Promise<Proven> {
    const { toolstack, config } = this.#deps;
    const proven = await prove(this.spec, plan, toolstack, config.policy.diskRoots, this.#detach.signal).catch(
      (error: unknown) => {
        throw notProvenOr(noSpaceOr(error, "prove", "write the VM's configuration"));
      },
    );
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
    const vm = { name: this.spec.vmName, uuid: this.spec.vmUuid, configPath: plan.vmConfigPath };
    this.#domainId = await startDomain(vm, {
      ...{ journal: this.journal, deps: this.#deps, detach: this.#detach.signal },
    }).catch((error: unknown) => {
      throw noSpaceOr(error, "start", "note that the VM is started");
    });
  }

  async #inPhase<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    this.#phase = phase;
    const started = performance.now();
    const wire = wirePhases[phase];
    const has = ($case: "phaseStarted" | "phaseEnded") =>
      this.journal.entries.some(({ event }) => event.event?.$case === $case && event.event.value.phase === wire);
    if (!has("phaseStarted")) await this.#emit({ $case: "phaseStarted", value: { phase: wire } });
    const answer = await work();
    const tookMs = phase === "script" ? this.#plan().script.ranMs : performance.now() - started;
    if (!has("phaseEnded"))
      await this.#emit({ $case: "phaseEnded", value: { phase: wire, durationMs: BigInt(Math.round(tookMs)) } });
    return answer;
  }

  async #endWith(error: unknown): Promise<void> {
    this.#detach.signal.throwIfAborted();
    if (error instanceof Failure) {
      const outcome =
        error.code === "cancelled" ? Outcome.CANCELLED : error.code === "runner_lost" ? Outcome.LOST : Outcome.FAILED;
      return this.#end({ outcome, code: error.code, message: error.message });
    }
    if (error instanceof Refusal)
      return this.#end({ outcome: Outcome.FAILED, code: "check_failed", message: error.message });
    this.#deps.log.error("A job met an error of the agent's own", { jobId: this.spec.jobId, error });
    const message = "The agent met an error of its own; its log has it";
    return this.#end({ outcome: Outcome.FAILED, code: "internal", message });
  }

  async #end(how: { outcome: Outcome; code: string; message: string }): Promise<void> {
    const succeeded = how.outcome === Outcome.SUCCEEDED;
    const planned = this.#planIfAny();
    const begun = planned?.script.isLaunched === true ? { ...this.#own, ...planned } : undefined;
    const { left, cleaned } = begun === undefined ? nothingLeft : await leftBy(begun, succeeded);
    const log = this.log;
    const logBytes = log?.bytes ?? 0;
    await this.#emit({
      $case: "ended",
      value: {
        ...how,
        phase: wirePhases[this.#phase],
        exitCode: this.#exit ?? -1,
        logBytes: BigInt(logBytes),
        logSha256: log === undefined ? emptySha256 : await log.digest(logBytes),
        logCut: log?.isCut ?? false,
        proofs: this.#proven?.proofs ?? [],
        leftovers: left.map(toWire),
        cleaned: cleaned.map(toWire),
        vmConfigPath: succeeded ? (planned?.plan.vmConfigPath ?? "") : "",
        vmConfig: this.#proven?.vmConfig ?? "",
        vmConf: this.#proven?.vmConf ?? "",
        disks: this.#proven?.disks ?? [],
        domainId: this.#domainId,
        commands: begun === undefined ? [] : commandsOf(begun),
      },
    });
    forgetSecrets(this.#own);
    this.journal.close();
  }

  async #emit(plain: NonNullable<JobEvent["event"]>): Promise<void> {
    const event = this.#redactor?.hideIn(plain) ?? plain;
    await untilWritten(this.#own, () => {
      const sequence = BigInt(this.journal.entries.length + 1);
      this.journal.append({ event: { sequence, at: new Date().toISOString(), event }, logBytes: this.logBytes });
    });
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

const emptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
