// Where a bench runs: an installation of its own with images that the bench writes, below one temporary folder.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Installation, root } from "@convirt/demo/installation";

export interface Place {
  folder: string;
  store: string;
  installation: Installation;
  addImage(name: string, script: string, files?: Record<string, string | Buffer>): Promise<void>;
  stop(): Promise<void>;
}

export async function makePlace(
  hosts: readonly string[],
  settings: { jobs?: number; jobsPerHost?: number } = {},
): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), "convirt-bench-"));
  const store = join(folder, "store");
  mkdirSync(store);
  for (const name of ["common", "custom_scripts", "image_store.conf"])
    cpSync(join(root, "image_store", name), join(store, name), { recursive: true });
  const perHost =
    settings.jobsPerHost === undefined ? {} : { CONVIRT_PROVISIONING_JOBS_PER_HOST: `${settings.jobsPerHost}` };
  const installation = await Installation.start({ folder, store, controller: { environment: perHost } });
  for (const host of hosts) await installation.addHost(host, settings);
  return {
    folder,
    store,
    installation,
    addImage: async (name, script, files = {}) => {
      mkdirSync(join(store, name), { recursive: true });
      const all = {
        "image.conf": "VM_CONF_DIR='/c'\n",
        "vm_conf.template": "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\n",
        "provision.sh": script,
        ...files,
      };
      for (const [path, content] of Object.entries(all))
        writeFileSync(join(store, name, path), content, { mode: path === "provision.sh" ? 0o755 : 0o644 });
      await installation.client.call("scanImages");
    },
    stop: async () => {
      await installation.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A request for a VM without disks. */
export function bare(place: Place, image: string, host: string, vm: string): object {
  return { image, host, vm, imageConf: { VM_CONF_DIR: place.installation.places(host)["VM_CONF_DIR"] ?? "" } };
}

/** Resident memory of a process, MiB. */
export function residentMib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}

/** Processor time that a process has used, in seconds. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
