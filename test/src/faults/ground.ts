// Where faults are made: a whole installation of real processes below one temporary folder, with images whose scripts count their own runs. Whatever happens in it,
// nothing of it is left afterwards: no process, no mount, no file (but the files when CONVIRT_KEEP is set, to look at what went wrong).

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JobView } from "@convirt/contract/job";
import { type HostSettings, Installation, type Launcher, root } from "@convirt/demo/installation";
import { endProcessesOf } from "@convirt/demo/left-behind";
import { sweepIfWeDie } from "./sweeper.js";

export interface GroundSettings {
  hosts: readonly string[];
  host?: (name: string, ground: Ground) => HostSettings;
  controllerUnder?: (ground: Ground) => Launcher;
  /** Before the controller starts: mounts, say. */
  prepare?: (ground: Ground) => void;
}

export interface Requested {
  id: string;
  host: string;
  image: string;
  vm: string;
}

export class Ground {
  readonly folder = mkdtempSync(join(tmpdir(), "convirt-faults-"));
  readonly store = join(this.folder, "store");
  readonly #mounts: string[] = [];
  readonly #closing: (() => Promise<void> | void)[] = [];
  readonly #letGo = sweepIfWeDie(this.folder);
  #installation: Installation | undefined;

  get installation(): Installation {
    if (this.#installation === undefined) throw new Error("The installation is not started");
    return this.#installation;
  }

  get client(): Installation["client"] {
    return this.installation.client;
  }

  async start(settings: GroundSettings): Promise<void> {
    mkdirSync(this.store);
    for (const name of ["common", "custom_scripts", "image_store.conf"])
      cpSync(join(root, "image_store", name), join(this.store, name), { recursive: true });
    settings.prepare?.(this);
    const controller = settings.controllerUnder?.(this);
    this.#installation = await Installation.start({
      folder: this.folder,
      store: this.store,
      ...(controller === undefined ? {} : { controller }),
    });
    for (const name of settings.hosts) {
      await this.installation.addHost(name, settings.host?.(name, this) ?? {});
      this.#countCreates(name);
    }
  }

  /** A small file system of its own below the folder; needs root. */
  mountSmall(path: string, mebibytes: number): string {
    const target = join(this.folder, path);
    mkdirSync(target, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "convirt-faults", target]);
    this.#mounts.push(target);
    return target;
  }

  /** Called at the end, before the installation is stopped. */
  atEnd(close: () => Promise<void> | void): void {
    this.#closing.push(close);
  }

  async addImage(name: string, script: string, files: Readonly<Record<string, string | Buffer>> = {}): Promise<void> {
    const path = join(this.store, name);
    mkdirSync(path, { recursive: true });
    const all = {
      "image.conf": "VM_CONF_DIR='/c'\n",
      "vm_conf.template": "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\n",
      "provision.sh": script,
      ...files,
    };
    for (const [file, content] of Object.entries(all))
      writeFileSync(join(path, file), content, { mode: file === "provision.sh" ? 0o755 : 0o644 });
    await this.client.call("scanImages");
  }

  body(image: string, host: string, vm: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    const places = this.installation.places(host);
    return { image, host, vm, imageConf: { VM_CONF_DIR: places["VM_CONF_DIR"] ?? "" }, ...more };
  }

  async provision(
    image: string,
    host: string,
    vm: string,
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<Requested> {
    const job: JobView = await this.client.call("provision", { body: this.body(image, host, vm, more) });
    return { id: job.id, host, image, vm };
  }

  /** Lets the job's gated script go on. */
  openGate({ host, id }: Requested): void {
    writeFileSync(join(this.installation.host(host).folder, `gate-${id}`), "");
  }

  logFile({ host, image, vm }: Requested): string {
    return join(this.installation.host(host).folder, "logs", image, `${image}_${vm}.log`);
  }

  /** How often scripts ran for the job, as they themselves noted it. */
  runs({ host, id }: Requested): number {
    return linesOf(join(this.installation.host(host).folder, "runs")).filter((line) => line === id).length;
  }

  /** How often the toolstack was told to make the VM. */
  creates({ host, vm }: Requested): number {
    return linesOf(join(this.installation.host(host).folder, "creates")).filter((line) => line.endsWith(`/${vm}`))
      .length;
  }

  /** Names of the VMs that the host's toolstack has. */
  domains(host: string): string[] {
    const world = readFileSync(join(this.installation.host(host).xenDir, "world.json"), "utf8");
    return (JSON.parse(world) as { domains: { name: string }[] }).domains.map(({ name }) => name);
  }

  /** Notes every `xl create` that is not a dry run, before it happens. */
  #countCreates(name: string): void {
    const { folder } = this.installation.host(name);
    const xl = join(folder, "bin", "xl");
    const count = `case " $* " in *" -n "*) ;; *" create "*) echo "$*" >>'${folder}/creates' ;; esac\n`;
    writeFileSync(xl, readFileSync(xl, "utf8").replace("#!/bin/sh\n", `#!/bin/sh\n${count}`));
  }

  async stop(): Promise<void> {
    try {
      for (const close of this.#closing.reverse()) await close();
      await this.#installation?.stop();
    } finally {
      this.#letGo();
      await endProcessesOf(this.folder);
      for (const mount of this.#mounts.reverse()) execFileSync("umount", ["--lazy", mount]);
      if (process.env["CONVIRT_KEEP"] === undefined) rmSync(this.folder, { recursive: true, force: true });
    }
  }
}

/** A ground for the time of `work`. */
export async function onGround<T>(settings: GroundSettings, work: (ground: Ground) => Promise<T>): Promise<T> {
  const ground = new Ground();
  try {
    await ground.start(settings);
    return await work(ground);
  } catch (error) {
    // The folder will be gone: what the programs said is part of the failure.
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${lastWords(ground.folder)}`, {
      cause: error,
    });
  } finally {
    await ground.stop();
  }
}

function lastWords(folder: string): string {
  const hosts = join(folder, "hosts");
  const logs = [
    join(folder, "controller.log"),
    ...(existsSync(hosts) ? readdirSync(hosts).map((name) => join(hosts, name, "agent.log")) : []),
  ];
  return logs
    .filter((path) => existsSync(path))
    .map((path) => `--- ${path}\n${readFileSync(path, "utf8").split("\n").slice(-25).join("\n")}`)
    .join("\n");
}

function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
}
