// What the tests work with: a controller, run from its package on this side, and a dom0 that has the agent's package and is enrolled there.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { JobDetail } from "@convirt/contract/job";
import type { VmView } from "@convirt/contract/vm";
import { ApiClient } from "@convirt/demo/api-client";
import { inject } from "vitest";
import { Dom0, type Dom0Places, type Said } from "./dom0.js";

export interface RigPlaces {
  dom0: Dom0Places;
  url: string;
  token: string;
  /** Root of the controller's package, unpacked. */
  controller: string;
  store: string;
  agentPackage: string;
  newerAgentPackage: string;
  controllerPackage: string;
  newerControllerPackage: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    rig: RigPlaces;
  }
}

/** The name of the one host. */
export const host = "dom0";
/** Longer than anything takes on a machine that has other work. */
export const patienceMs = 10 * 60_000;

export interface Wish {
  imageConf?: Record<string, string>;
  vmConf?: Record<string, string | number>;
  start?: boolean;
}

export class Rig {
  readonly places: RigPlaces;
  readonly dom0: Dom0;
  readonly client: ApiClient;

  constructor(places: RigPlaces) {
    this.places = places;
    this.dom0 = new Dom0(places.dom0);
    this.client = new ApiClient(places.url, places.token);
  }

  /** The command line, from its package. */
  async cli(words: string[]): Promise<Said> {
    const program = join(this.places.controller, "usr/lib/convirt-controller/cli/main.js");
    const child = spawn(process.execPath, [program, ...words], {
      env: {
        PATH: "/usr/bin:/bin",
        CONVIRT_SERVER: this.places.url,
        CONVIRT_TOKEN: this.places.token,
        HOME: "/nowhere",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said: Said = { code: null, stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => {
      said.stdout += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      said.stderr += chunk.toString();
    });
    said.code = await new Promise((resolve) => child.once("close", resolve));
    return said;
  }

  provision(image: string, vm: string, wish: Wish = {}): Promise<{ id: string; vmUuid: string }> {
    const { imageConf = {}, vmConf = {}, start = true } = wish;
    return this.client.call("provision", { body: { image, host, vm, imageConf, vmConf, start } });
  }

  /** Provisions, and is content with nothing but success. */
  async make(image: string, vm: string, wish: Wish = {}): Promise<JobDetail> {
    const { id } = await this.provision(image, vm, wish);
    const job = await this.client.ended(id);
    if (job.status !== "succeeded")
      throw new Error(`${vm} from ${image} ${job.status}: ${job.code} ${job.message}\n${await this.client.log(id)}`);
    return job;
  }

  vm(id: string): Promise<VmView> {
    return this.client.call("showVm", { params: { id } });
  }

  /** Waits until the inventory shows the VM so; answers with what it shows. */
  seen(id: string, holds: (vm: VmView) => boolean): Promise<VmView> {
    return until(`${id} is seen as wanted`, async () => {
      const vm = await this.vm(id);
      return holds(vm) ? vm : undefined;
    });
  }

  /** Waits for a line on the guest's console, read through the controller. */
  console(id: string, line: RegExp): Promise<string> {
    return until(`the console of ${id} shows ${line}`, async () => {
      const { text } = await this.client.call("readConsoleLog", { params: { id } }).catch(() => ({ text: "" }));
      return line.test(text) ? text : undefined;
    });
  }

  /** Adds an image like Tiny_Linux, changed. */
  async addImage(name: string, change: (file: string, text: string) => string): Promise<void> {
    const folder = join(this.places.store, name);
    cpSync(join(this.places.store, "Tiny_Linux"), folder, { recursive: true });
    for (const file of ["image.conf", "vm_conf.template", "provision.sh"]) {
      const before = readFileSync(join(folder, file), "utf8");
      writeFileSync(join(folder, file), change(file, before));
    }
    await this.client.call("scanImages");
  }

  /** Destroys and removes with its disks, whatever it is doing. */
  async remove(...vms: string[]): Promise<void> {
    for (const id of vms)
      await this.client
        .call("removeVm", { params: { id }, query: { disks: true, force: true } })
        .catch((error: unknown) => {
          if (!String(error).includes("not_found")) throw error;
        });
  }

  /** What a failed job may not leave behind: domains, loop devices, files of VMs. */
  async belongings(): Promise<string> {
    return await this.dom0.must(
      "xl list | awk 'NR > 1 { print $1 }' | sort; losetup --all; find /var/cache/convirt/vm_disks /var/cache/convirt/vm_configs -type f 2>/dev/null | sort; lvs --noheadings -o lv_name",
    );
  }

  async inContact(): Promise<void> {
    await until("the host is in contact", async () => {
      const { contact } = await this.client.call("showHost", { params: { name: host } });
      return contact === "in_contact" ? true : undefined;
    });
  }
}

let opened: Rig | undefined;

/** The rig of this run. */
export function rig(): Rig {
  opened ??= new Rig(inject("rig"));
  return opened;
}

/** Asks until there is an answer, for as long as patience lasts. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`After ${patienceMs / 60_000} min it still does not hold that ${what}`);
    await delay(1_000);
  }
}

export function unpack(deb: string, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const done = spawnSync("dpkg-deb", ["--extract", deb, folder], { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`dpkg-deb cannot unpack ${deb}: ${done.stderr}`);
  return folder;
}
