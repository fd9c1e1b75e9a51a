// The agent's settings, read once at start and frozen. Precedence, highest first: environment (`CONVIRT_AGENT_…`), the file
// (`/etc/convirt/agent.toml`, or the one that `--config` or CONVIRT_AGENT_CONFIG names), the default. Parsing lives beside this, in load.ts.

export interface AgentConfig {
  /** host:port on which gRPC is served; port 0 takes a free one. */
  listen: string;
  /** host:port that the controller is told to call; empty: the host's name and the port of `listen`. */
  advertise: string;
  storeDir: string;
  logDir: string;
  stateDir: string;
  /** Where xenconsoled keeps what guests write to their consoles. */
  consoleLogDir: string;
  /** "auto", "xl", "xm", or the path of a program that answers to one of them (its base name says which). */
  toolstack: string;
  /** The bridge for network cards that name none; empty: one that is found. */
  defaultBridge: string;
  concurrency: {
    /** Provision jobs whose script may run at once. */
    jobs: number;
    /** `xl create` calls at once. */
    creates: number;
  };
  /** Only root on the host can change these: the controller cannot. */
  policy: {
    /** Folders (and `/dev/<volume group>`) under which disks may be made and removed. */
    diskRoots: readonly string[];
    longestScriptMs: number;
    /** Keys of a VM configuration that are refused on this host. */
    forbiddenKeys: readonly string[];
  };
  /** What one job may cost this host. */
  limits: {
    /** A log is cut at this size; the script goes on. */
    logMib: number;
    /** Between TERM and KILL, when a script is to stop. */
    stopGraceMs: number;
    /** So long a job waits for its image's files. */
    stagingMs: number;
  };
  /** "auto" uses `systemd-run` where systemd runs and the agent is root; "never" starts runners as plain sessions of their own. */
  scopes: "auto" | "never";
  logLevel: "debug" | "info" | "warn" | "error";
}
