// The border to Xen: what the rest of the agent may ask of `xl` or `xm`, and in which words it is answered.
// Drivers keep three rules: argument arrays from fixed tables, never a value in the place of an option; a domain is named by an id that was looked up by
// name and uuid just before, never by a number or name that came from outside; every call has a time limit and can be aborted.

export type DomainState = "running" | "paused" | "shutting_down" | "crashed" | "dying" | "zombie";

export interface Domain {
  id: number;
  name: string;
  uuid: string;
  state: DomainState;
  memoryMib: number;
  vcpus: number;
  cpuSeconds: number;
}

export interface ToolstackFacts {
  toolstack: "xl" | "xm";
  hostname: string;
  release: string;
  machine: string;
  xenVersion: string;
  virtCaps: string;
  cpus: number;
  totalMemoryMib: number;
  freeMemoryMib: number;
}

/** What was run and what came of it. `stderrTail` holds the last lines, at most 4 KiB. */
export interface CommandReport {
  command: readonly string[];
  exitCode: number | null;
  stdout: string;
  stderrTail: string;
  timedOut: boolean;
}

/** A toolstack call that did not do what it should; `report` is what it said. Callers turn it into a Failure of their phase. */
export class ToolstackError extends Error {
  override readonly name = "ToolstackError";
  readonly report: CommandReport;
  constructor(message: string, report: CommandReport) {
    super(message);
    this.report = report;
  }
}

export interface Toolstack {
  readonly name: "xl" | "xm";
  info(signal: AbortSignal): Promise<ToolstackFacts>;
  /** All domains, dom0 included, as the toolstack lists them at this moment. */
  list(signal: AbortSignal): Promise<Domain[]>;
  /** Asks the toolstack to read the file and make nothing (`xl create -n`); throws ToolstackError with its words when it refuses. */
  dryRun(configPath: string, signal: AbortSignal): Promise<void>;
  /** Starts a domain from the file, outside the agent's own control group where systemd is there. */
  create(configPath: string, signal: AbortSignal): Promise<void>;
  shutdown(domainId: number, signal: AbortSignal): Promise<void>;
  destroy(domainId: number, signal: AbortSignal): Promise<void>;
  pause(domainId: number, signal: AbortSignal): Promise<void>;
  unpause(domainId: number, signal: AbortSignal): Promise<void>;
  reboot(domainId: number, signal: AbortSignal): Promise<void>;
}
