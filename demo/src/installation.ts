// A whole ConVirt on one machine: a controller and hosts as real processes, in a folder of their own, on free ports of the loopback. Each host has its own agent,
// image store, logs and state, and drives a Xen of its own by the real `xl` driver: `fake-xen`. The demo, the tests and the benches all start this.
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { chmodSync, createWriteStream, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ApiClient } from "./api-client.js";
import { endProcessesOf } from "./left-behind.js";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** A machine that is busy with many tests starts programs slowly. */
const startLimitMs = 600_000;
const stopLimitMs = 10_000;
const startAttempts = 3;
const portAttempts = 20;

export interface InstallationOptions {
  /** Everything is written below this folder. */
  folder: string;
  /** The port of HTTP; a free one is taken when it is not free. */
  httpPort?: number;
  /** Image store of the controller. */
  store: string;
  controller?: Launcher;
  /** The controller's program, of a package say; that of this checkout unless given. */
  controllerProgram?: string;
}

/** How a program is started where that matters: under another clock, say, or as a host that was booted anew. */
export interface Launcher {
  /** Words in front of the program's own. */
  around?: readonly string[];
  environment?: Readonly<Record<string, string>>;
}

export interface HostSettings {
  /** Scripts at once. */
  jobs?: number;
  /** Given the agent's port, where the controller is to call instead: a proxy of the caller's. */
  through?: (port: number) => Promise<number>;
  launcher?: Launcher;
}

export interface Host {
  name: string;
  folder: string;
  /** Where its fake Xen keeps domains, and reads how to misbehave. */
  xenDir: string;
  configFile: string;
  port: number;
  /** May be changed before the agent is started again. */
  launcher: Launcher;
  process: ChildProcess;
}

export class Installation {
  readonly folder: string;
  readonly adminPassword: string;
  readonly #options: InstallationOptions;
  readonly hosts = new Map<string, Host>();
  readonly #children = new Set<ChildProcess>();
  #stopped = false;
  #controller: ChildProcess | undefined;
  #httpPort = 0;
  #httpsPort = 0;
  #started: Promise<void> | undefined;
  #client: ApiClient | undefined;

  /** Nothing runs yet: see `start`. The password is of this installation alone, since whoever signs in as admin may have a script run. */
  constructor(options: InstallationOptions) {
    this.folder = options.folder;
    this.#options = options;
    this.adminPassword = randomBytes(9).toString("base64url");
  }

  /** Starts a controller and signs in. */
  static async start(options: InstallationOptions): Promise<Installation> {
    const installation = new Installation(options);
    try {
      await installation.start();
    } catch (error) {
      await installation.stop();
      throw error;
    }
    return installation;
  }

  /** Starts the controller and signs in. */
  start(): Promise<void> {
    this.#started = this.#start();
    return this.#started;
  }

  /** When a port is taken by another program in the moment between, others are tried. */
  async #start(): Promise<void> {
    mkdirSync(join(this.folder, "controller"), { recursive: true });
    writeFileSync(join(this.folder, "controller", "password"), `${this.adminPassword}\n`, { mode: 0o600 });
    for (let attempt = 1; ; attempt += 1) {
      this.#httpPort = await freePort(this.#options.httpPort ?? 0);
      this.#httpsPort = await freePort(0);
      try {
        await Promise.all([this.startController(), import("./api-client.js")]);
        break;
      } catch (error) {
        // Whoever took it may have gone again: the controller's words tell.
        const isTaken = error instanceof Error && error.message.includes("EADDRINUSE");
        if (this.#stopped || !isTaken || attempt === startAttempts) throw error;
      }
    }
    // Loaded already, beside the start of the controller.
    const { ApiClient } = await import("./api-client.js");
    this.#client = await ApiClient.signIn(this.httpUrl, "admin", this.adminPassword);
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${this.#httpPort}`;
  }

  get httpsUrl(): string {
    return `https://127.0.0.1:${this.#httpsPort}`;
  }

  /** Signed in as admin. */
  get client(): ApiClient {
    if (this.#client === undefined) throw new Error("The controller is not started");
    return this.#client;
  }

  get controllerPid(): number {
    return this.#controller?.pid ?? 0;
  }

  /** The settings of the controller. */
  get controllerEnvironment(): Record<string, string> {
    const { folder, store, controller = {} } = this.#options;
    return {
      CONVIRT_CONFIG: emptyFile(join(folder, "controller", "controller.toml")),
      CONVIRT_DATA_DIR: join(folder, "controller"),
      CONVIRT_HTTP_LISTEN: `127.0.0.1:${this.#httpPort}`,
      CONVIRT_HTTPS_LISTEN: `127.0.0.1:${this.#httpsPort}`,
      CONVIRT_HTTPS_ADVERTISE: "127.0.0.1",
      CONVIRT_STORE_DIR: store,
      CONVIRT_STORE_SHIPPED_DIR: join(root, "image_store"),
      CONVIRT_AUTH_ADMIN_PASSWORD_FILE: join(folder, "controller", "password"),
      ...controller.environment,
    };
  }

  async startController(): Promise<void> {
    const { folder, controller = {}, controllerProgram = join(root, "controller/dist/bundle/main.js") } = this.#options;
    this.#controller = this.#launch([controllerProgram], {
      around: controller.around ?? [],
      environment: { ...controllerAllocation, ...this.controllerEnvironment },
    });
    await ready(this.#controller, join(folder, "controller.log"), "The controller");
  }

  /** Ends the controller: in order by SIGTERM, as a crash by SIGKILL. */
  async stopController(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await end(this.#controller, signal);
    this.#controller = undefined;
  }

  /**
   * Invites a host, enrols it by the real invitation over mutual TLS, and starts its agent; returns when the controller is in contact with it.
   * May be called while the controller still starts: `enrol` waits for its invitation then.
   */
  async addHost(name: string, settings: HostSettings = {}): Promise<Host> {
    const folder = join(this.folder, "hosts", name);
    const xenDir = join(folder, "xen");
    mkdirSync(xenDir, { recursive: true });
    writeFileSync(join(xenDir, "host.json"), JSON.stringify({ nodename: name }));
    const port = await freePort(0);
    const reachedAt = (await settings.through?.(port)) ?? port;
    const configFile = join(folder, "agent.toml");
    writeFileSync(
      configFile,
      [
        `listen = "127.0.0.1:${port}"`,
        `advertise = "127.0.0.1:${reachedAt}"`,
        ...["store", "logs", "state"].map((one) => `${one} = ${JSON.stringify(join(folder, one))}`),
        `toolstack = ${JSON.stringify(toolstack(folder, xenDir))}`,
        'default_bridge = "xenbr0"',
        'scopes = "never"',
        "[concurrency]",
        `jobs = ${settings.jobs ?? 2}`,
        "[policy]",
        `disk_roots = [${JSON.stringify(join(folder, "vm"))}]`,
        "",
      ].join("\n"),
    );
    const launcher = settings.launcher ?? {};
    // It waits until the host is enrolled.
    const agent = this.#launchAgent(configFile, launcher);
    const host = { name, folder, xenDir, configFile, port, launcher, process: agent };
    this.hosts.set(name, host);
    await Promise.all([
      ready(agent, join(folder, "agent.log"), `The agent of ${name}`),
      this.#agentCommand(configFile, ["enrol"], async () => {
        await this.#started;
        return (await this.client.call("inviteHost", { body: { host: name } })).invitation;
      }),
    ]);
    await this.inContact(name);
    return host;
  }

  async inContact(name: string): Promise<void> {
    const until = Date.now() + startLimitMs;
    while ((await this.client.call("showHost", { params: { name } })).contact !== "in_contact") {
      if (Date.now() > until)
        throw new Error(
          `${name} is not in contact after ${startLimitMs / 1000} s; see ${this.folder}/hosts/${name}/agent.log`,
        );
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  async stopAgent(name: string, signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await end(this.host(name).process, signal);
  }

  async restartAgent(name: string): Promise<void> {
    const host = this.host(name);
    host.process = this.#launchAgent(host.configFile, host.launcher);
    await ready(host.process, join(host.folder, "agent.log"), `The agent of ${name}`);
  }

  host(name: string): Host {
    const host = this.hosts.get(name);
    if (host === undefined) throw new Error(`There is no host ${name} in this installation`);
    return host;
  }

  /** From now on subcommands of the host's fake Xen misbehave as fake-xen/src/main.ts says; `{}` ends it. As a whole or not at all: it may look at any moment. */
  misbehave(name: string, how: Readonly<Record<string, object>>): void {
    const path = join(this.host(name).xenDir, "misbehave.json");
    writeFileSync(`${path}.new`, JSON.stringify(how));
    renameSync(`${path}.new`, path);
  }

  /** Values that place a VM's files into the host's own folder. */
  places(name: string): Record<string, string> {
    const vm = join(this.host(name).folder, "vm");
    return { VM_DISKS_DIR: join(vm, "disks"), VM_CONF_DIR: join(vm, "configs") };
  }

  /** Ends every process that this started and what those left running, and starts no more: the folder may be removed. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#children].map((child) => end(child, "SIGTERM")));
    await endProcessesOf(this.folder);
  }

  #spawn([program = "", ...rest]: readonly string[], options: SpawnOptions): ChildProcess {
    if (this.#stopped) throw new Error("The installation is stopped");
    const child = spawn(program, rest, options);
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  #launch(words: readonly string[], { around = [], environment = {} }: Launcher): ChildProcess {
    return this.#spawn([...around, process.execPath, ...words], {
      env: { PATH: process.env["PATH"] ?? "", ...environment },
      stdio: ["ignore", "ignore", "pipe"],
    });
  }

  #launchAgent(configFile: string, { around = [], environment = {} }: Launcher): ChildProcess {
    return this.#launch(agentWords(configFile, ["run"]), {
      around,
      environment: { ...agentAllocation, ...environment },
    });
  }

  /** What the command reads is asked for while it starts. */
  async #agentCommand(configFile: string, words: string[], input: () => Promise<string>): Promise<void> {
    const command = this.#spawn([process.execPath, ...agentWords(configFile, words)], {
      env: { PATH: process.env["PATH"] ?? "" },
      stdio: ["pipe", "ignore", "pipe"],
    });
    let said = "";
    command.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString("utf8");
    });
    // One that ended before it read says why.
    command.stdin?.on("error", () => undefined);
    const ended = once(command, "close") as Promise<[number | null]>;
    try {
      command.stdin?.end(`${await input()}\n`);
    } catch (error) {
      await end(command, "SIGKILL");
      throw error;
    }
    const [code] = await ended;
    if (code !== 0) throw new Error(`convirt-agent ${words.join(" ")} ended with ${code}: ${said}`);
  }
}

/** Of memory, as the packages' launchers have it, which say why. */
const agentAllocation = { MALLOC_ARENA_MAX: "2" };
const controllerAllocation = {
  MALLOC_ARENA_MAX: "2",
  MALLOC_MMAP_THRESHOLD_: "4194304",
  MALLOC_TRIM_THRESHOLD_: "1048576",
};

/** With the flags of the package's launcher, which says why. */
function agentWords(configFile: string, words: string[]): string[] {
  const program = join(root, "agent/dist/convirt-agent.mjs");
  return ["--max-semi-space-size=1", "--initial-heap-size=64", program, "--config", configFile, ...words];
}

/** `xl` for one host: fake-xen, told which Xen it is. */
function toolstack(folder: string, xenDir: string): string {
  const path = join(folder, "bin", "xl");
  mkdirSync(dirname(path), { recursive: true });
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  writeFileSync(
    path,
    `#!/bin/sh\nFAKE_XEN_DIR=${quoted(xenDir)} exec ${quoted(process.execPath)} ${quoted(join(root, "fake-xen/dist/fake-xen.cjs"))} xl "$@"\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

function emptyFile(path: string): string {
  if (!existsSync(path)) writeFileSync(path, "");
  return path;
}

/** Waits for the line that says `ready`; what the program says goes to its log. */
async function ready(child: ChildProcess, logFile: string, what: string): Promise<void> {
  const log = createWriteStream(logFile, { flags: "a" });
  let said = "";
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      // Nobody would end it later.
      child.kill("SIGKILL");
      reject(new Error(`${what} is not ready after ${startLimitMs / 1000} s; see ${logFile}`));
    }, startLimitMs);
    const onExit = (code: number | null, signal: string | null) => {
      clearTimeout(timer);
      reject(new Error(`${what} ended with ${code ?? signal} at its start:\n${said}`));
    };
    child.once("exit", onExit);
    child.stderr?.on("data", (chunk: Buffer) => {
      log.write(chunk);
      if (said.length < 100_000) said += chunk.toString("utf8");
      if (/"(msg|message)":"ready"/.test(said)) {
        clearTimeout(timer);
        child.off("exit", onExit);
        resolve();
      }
    });
    child.stderr?.once("end", () => log.end());
  });
}

async function end(child: ChildProcess | undefined, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  const killer = setTimeout(() => child.kill("SIGKILL"), stopLimitMs);
  await ended;
  clearTimeout(killer);
}

/**
 * This port if it is free, else another; for 0 any. Others come from below those that the system gives to connections by itself, so that none takes the port while what
 * listens on it is started anew.
 */
export async function freePort(wanted: number): Promise<number> {
  const others = Array.from({ length: portAttempts }, () => randomInt(20_000, 32_768));
  for (const candidate of [...(wanted === 0 ? [] : [wanted]), ...others, 0]) {
    const port = await probe(candidate);
    if (port !== undefined) return port;
  }
  throw new Error("There is no free port on 127.0.0.1");
}

/** The port that could be listened on, a free one for 0; undefined when it is taken. */
async function probe(port: number): Promise<number | undefined> {
  const server = createServer();
  const got = await new Promise<number | undefined>((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  if (got !== undefined) await new Promise((resolve) => server.close(resolve));
  return got;
}
