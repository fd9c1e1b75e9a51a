// The script of one job, from what is noted before it to its exit. Launched for this boot of the host alone: what was under way when the host went down is lost.
// Its time is counted by the kernel's uptime, which nobody sets, so that a clock that jumps ends no script.
import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { ProvisionSpec } from "@convirt/proto/provision";
import type { AgentConfig } from "../config/config.js";
import { diskTrouble } from "../disk/durable.js";
import { Failure } from "../errors/errors.js";
import { bootId, freeBytes } from "../host/facts.js";
import type { Log } from "../log.js";
import { uptimeMs } from "../process/identity.js";
import type { Journal } from "../provision/journal.js";
import type { Plan } from "../provision/plan.js";
import { ScriptGroup } from "./group.js";
import { cutMark, keepWithin } from "./log-limit.js";
import { isClaimed, launch, runnerOf, whenEnded } from "./runner.js";
import { environmentOf, scriptArguments, writeScriptFiles } from "./script-files.js";

export interface ScriptDependencies {
  config: AgentConfig;
  runner: string;
  agentCommand: string;
  useScopes: boolean;
  log: Log;
}

/** On the disk before the script is launched; from then on it counts as started. */
interface Launched {
  at: string;
  uptimeMs: number;
  bootId: string;
  logMib: number;
}

/** How often a script that was told to stop is looked at. */
const stopPollMs = 100;
/** A process that does not go within this time of a KILL hangs in the kernel. */
const killLimitMs = 5_000;
/** So little that a script which failed can be taken to have failed for want of it. */
const fullBelowBytes = 1024 * 1024;

export class Script {
  readonly #spec: ProvisionSpec;
  readonly #plan: Plan;
  readonly #journal: Journal;
  readonly #deps: ScriptDependencies;
  #launched: Launched | undefined;

  constructor(spec: ProvisionSpec, plan: Plan, options: { journal: Journal; deps: ScriptDependencies }) {
    this.#spec = spec;
    this.#plan = plan;
    this.#journal = options.journal;
    this.#deps = options.deps;
    this.#launched = launchedIn(options.journal, options.deps.config.limits.logMib);
  }

  get isLaunched(): boolean {
    return this.#launched !== undefined;
  }

  /** The host went down since, and took the script with it. */
  get isOfAnotherBoot(): boolean {
    return this.#launched !== undefined && this.#launched.bootId !== bootId();
  }

  get logMib(): number {
    return this.#launched?.logMib ?? this.#deps.config.limits.logMib;
  }

  get ranMs(): number {
    return this.#launched === undefined ? 0 : uptimeMs() - this.#launched.uptimeMs;
  }

  /** Writes the files, the empty log among them, and notes that the script starts with what was there `before`: from then on it is launched. */
  prepare(before: readonly string[]): void {
    if (!existsSync(this.#plan.scriptPath))
      throw new Failure("script_failed", "script", `The image "${this.#spec.image}" has no provision.sh on this host`);
    const { logMib } = this.#deps.config.limits;
    writeScriptFiles(this.#spec, this.#plan, this.#deps.config, this.#journal);
    this.#journal.put("mark", cutMark(logMib));
    const launched = { at: new Date().toISOString(), uptimeMs: uptimeMs(), bootId: bootId(), logMib };
    this.#journal.putDurably({ before: JSON.stringify(before), launched: JSON.stringify(launched) });
    this.#launched = launched;
  }

  /** Launches the runner, also where nobody knows whether it was launched: the one that comes first has the job. */
  async launch(detach: AbortSignal): Promise<void> {
    const { config, runner, agentCommand, useScopes } = this.#deps;
    if (isClaimed(this.#journal.folder)) return;
    const started = await launch(
      runner,
      {
        folder: this.#journal.folder,
        command: this.command,
        cwd: this.#plan.imageDir,
        environment: environmentOf(this.#spec, config, this.#journal, agentCommand),
        logPath: this.#plan.files.log,
        logMib: this.logMib,
        useScopes,
      },
      detach,
    );
    if (!started) throw new Failure("script_failed", "script", "The script's runner could not be started on this host");
  }

  get command(): readonly string[] {
    return scriptArguments(this.#spec, this.#plan, this.#deps.config);
  }

  /** The session of the runner, which is not the script's. */
  get runnerSession(): number | undefined {
    return runnerOf(this.#journal.folder)?.pid;
  }

  /**
   * Waits for the end; on `cancel` or when its time is up TERM, then KILL, to all of its process group, whose end is then waited for as well. Throws a Failure for
   * every end but exit 0; tells the exit code before.
   */
  async ended(signals: { cancel: AbortSignal; detach: AbortSignal }, exited: (code: number) => void): Promise<void> {
    const over = new AbortController();
    const stop = AbortSignal.any([signals.cancel, this.#timeUp(over.signal)]);
    const stopped = this.#stopWhen(stop, { over: over.signal, detach: signals.detach });
    // The log of a running script is at its first place: only a later job of the same VM sets it aside.
    const limit = {
      folder: this.#journal.folder,
      logMib: this.logMib,
      over: AbortSignal.any([over.signal, signals.detach]),
    };
    keepWithin(this.#plan.files.log, limit, (error) =>
      this.#deps.log.warn("the log could not be cut at its limit", { jobId: this.#spec.jobId, error }),
    );
    let code: number | "lost";
    try {
      code = await whenEnded(this.#journal.folder, signals.detach);
    } finally {
      over.abort();
      await stopped;
    }
    if (code !== "lost") exited(code);
    if (stop.aborted && stop.reason instanceof Failure) throw stop.reason;
    if (code === "lost") {
      const message = "The script's runner is gone, and nobody knows how far the script came";
      throw new Failure("runner_lost", "script", message);
    }
    if (code !== 0) throw await this.#failed(code);
  }

  async #failed(code: number): Promise<Failure> {
    const folders = [...this.#plan.disks.map((disk) => disk.target), this.#plan.files.log]
      .filter((path) => path.startsWith("/") && !path.startsWith("/dev/"))
      .map((path) => path.slice(0, path.lastIndexOf("/")) || "/")
      .filter((folder) => existsSync(folder));
    for (const folder of new Set(folders)) {
      const free = await freeBytes(folder);
      if (free < fullBelowBytes) {
        const message = `provision.sh ended with ${code}, and the disk of ${folder} is full: ${free} bytes are free`;
        return new Failure("no_space", "script", message);
      }
    }
    return new Failure("script_failed", "script", `provision.sh ended with ${code}; its last words are in the log`);
  }

  #timeUp(over: AbortSignal): AbortSignal {
    const controller = new AbortController();
    const { timeoutMs } = this.#plan;
    const message = `provision.sh ran for ${timeoutMs / 1000} s, as long as it may, and was ended`;
    const timer = setTimeout(
      () => controller.abort(new Failure("timed_out", "script", message)),
      Math.max(0, timeoutMs - this.ranMs),
    );
    over.addEventListener("abort", () => clearTimeout(timer), { once: true });
    return controller.signal;
  }

  /** Never rejects. Returns when nothing is left to do: the script has ended unasked, its group is gone, or the agent lets go. */
  async #stopWhen(stop: AbortSignal, { over, detach }: { over: AbortSignal; detach: AbortSignal }): Promise<void> {
    await new Promise<void>((resolve) => {
      if (stop.aborted || over.aborted) return resolve();
      stop.addEventListener("abort", () => resolve(), { once: true });
      over.addEventListener("abort", () => resolve(), { once: true });
    });
    if (!stop.aborted) return;
    const group = new ScriptGroup(this.#journal.folder, this.#spec.jobId);
    const either = AbortSignal.any([over, detach]);
    const pause = () => delay(stopPollMs, undefined, { signal: over.aborted ? detach : either }).catch(() => undefined);
    const gone = async (limitMs: number) => {
      const end = performance.now() + limitMs;
      while (!detach.aborted && group.isThere && performance.now() < end) await pause();
    };
    // A script that was just launched may not have noted its process yet.
    while (!detach.aborted && !group.signal("SIGTERM")) {
      if (over.aborted) return;
      await pause();
    }
    await gone(this.#deps.config.limits.stopGraceMs);
    if (detach.aborted || !group.signal("SIGKILL")) return;
    await gone(killLimitMs);
  }
}

/** A note that a broken disk has spoilt counts as one of a boot that is gone: launched it was, and no more is known. */
function launchedIn(journal: Journal, logMib: number): Launched | undefined {
  const text = journal.get("launched");
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Launched;
  } catch {
    return { at: "", uptimeMs: 0, bootId: "", logMib };
  }
}

/** What a full disk says, as the end of a job; anything else as it is. */
export function noSpaceOr(error: unknown, phase: Failure["phase"], act: string): unknown {
  const trouble = diskTrouble(error);
  const path = (error as NodeJS.ErrnoException).path;
  if (trouble === undefined) return error;
  return new Failure("no_space", phase, `Cannot ${act}${path === undefined ? "" : ` (${path})`}: ${trouble}`, {
    cause: error,
  });
}
