// The driver for xl, and for xm, whose words for these few acts are the same. Every call is an argument array from a fixed table; what varies is a number that
// was looked up, or a path of our own.
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { noteCommand } from "../process/acts.js";
import { Limiter } from "../process/limiter.js";
import { run } from "../process/run.js";
import { factsOf, parseInfo, parseList } from "./parse.js";
import { type CommandReport, type Domain, type Toolstack, ToolstackError, type ToolstackFacts } from "./toolstack.js";

const askLimitMs = 20_000;
const actLimitMs = 90_000;
/** xl may wait half a minute for memory before it builds, and a loaded host takes longer still. */
const createLimitMs = 300_000;

export interface DriverOptions {
  /** Path or name of the program. */
  program: string;
  name: "xl" | "xm";
  environment: Readonly<Record<string, string>>;
  /** `xl create` calls at once. */
  creates: number;
  /** Start domains in a scope of systemd's, so that the monitor that xl leaves behind is not in our control group. */
  scopes: boolean;
}

type Call = [act: string, words: string[], timeoutMs: number, signal: AbortSignal, around?: readonly string[]];

export class Driver implements Toolstack {
  readonly name: "xl" | "xm";
  readonly #options: DriverOptions;
  readonly #creates: Limiter;

  constructor(options: DriverOptions) {
    this.name = options.name;
    this.#options = options;
    this.#creates = new Limiter(options.creates);
  }

  async info(signal: AbortSignal): Promise<ToolstackFacts> {
    const report = await this.#must("ask for the host's facts", ["info"], askLimitMs, signal);
    return factsOf(parseInfo(report.stdout), this.name);
  }

  async list(signal: AbortSignal): Promise<Domain[]> {
    const report = await this.#must("list domains", this.name === "xl" ? ["list", "-v"] : ["list"], askLimitMs, signal);
    return parseList(report.stdout);
  }

  async dryRun(configPath: string, signal: AbortSignal): Promise<void> {
    await this.#must(
      "read the configuration",
      ["create", this.name === "xl" ? "-n" : "--dryrun", ownPath(configPath)],
      askLimitMs,
      signal,
    );
  }

  async create(configPath: string, signal: AbortSignal): Promise<void> {
    const words = ["create", ownPath(configPath)];
    await this.#creates.run(signal, () =>
      this.#act("create the domain", words, createLimitMs, signal, this.#options.scopes ? scope : []),
    );
  }

  async shutdown(domainId: number, signal: AbortSignal): Promise<void> {
    await this.#act("ask the domain to shut down", ["shutdown", guest(domainId)], actLimitMs, signal);
  }

  async destroy(domainId: number, signal: AbortSignal): Promise<void> {
    await this.#act("destroy the domain", ["destroy", guest(domainId)], actLimitMs, signal);
  }

  async pause(domainId: number, signal: AbortSignal): Promise<void> {
    await this.#act("pause the domain", ["pause", guest(domainId)], actLimitMs, signal);
  }

  async unpause(domainId: number, signal: AbortSignal): Promise<void> {
    await this.#act("unpause the domain", ["unpause", guest(domainId)], actLimitMs, signal);
  }

  async reboot(domainId: number, signal: AbortSignal): Promise<void> {
    await this.#act("ask the domain to reboot", ["reboot", guest(domainId)], actLimitMs, signal);
  }

  /** A call that changes something. */
  async #act(...call: Call): Promise<void> {
    noteCommand([basename(this.#options.program), ...call[1]]);
    await this.#must(...call);
  }

  async #must(...[act, words, timeoutMs, signal, around = []]: Call): Promise<CommandReport> {
    const command = [...around, this.#options.program, ...words] as [string, ...string[]];
    const report = await run(command, { signal, timeoutMs, env: { ...this.#options.environment } });
    if (report.exitCode === 0) return report;
    const how = report.timedOut
      ? `gave no answer within ${timeoutMs / 1000} s`
      : report.exitCode === null
        ? "did not come to an end of its own"
        : `ended with ${report.exitCode}`;
    // That we ended it, after its time was over, is said.
    const lines = report.stderrTail.trim().split("\n");
    const last = lines
      .filter((line) => !(report.timedOut && line.startsWith("ended by SIG")))
      .slice(-8)
      .join("\n");
    throw new ToolstackError(
      `Cannot ${act}: \`${[basename(this.#options.program), ...words].join(" ")}\` ${how}${last === "" ? "" : `:\n${last}`}`,
      report,
    );
  }
}

const scope = ["systemd-run", "--scope", "--quiet", "--collect", "--slice=convirt-domains.slice"];

/** dom0 obeys a shutdown: no act of ours may ever name it. */
function guest(domainId: number): string {
  if (!Number.isSafeInteger(domainId) || domainId <= 0) throw new Error(`${domainId} is not the id of a guest`);
  return String(domainId);
}

function ownPath(path: string): string {
  if (!path.startsWith("/")) throw new Error(`${path} is not an absolute path`);
  return path;
}

/** The toolstack that the settings name, or the one that is there: xl before xm. Undefined when there is none. */
export function chooseToolstack(setting: string, path: string): { program: string; name: "xl" | "xm" } | undefined {
  if (setting.startsWith("/")) return { program: setting, name: basename(setting) === "xm" ? "xm" : "xl" };
  for (const name of setting === "auto"
    ? (["xl", "xm"] as const)
    : [setting === "xm" ? ("xm" as const) : ("xl" as const)]) {
    const program = path
      .split(":")
      .map((folder) => `${folder}/${name}`)
      .find((file) => existsSync(file));
    if (program !== undefined) return { program, name };
  }
  return undefined;
}
