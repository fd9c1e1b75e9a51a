// A spec as the phases need it: the options of both files, the disks, and every path on this host. Made afresh from the spec whenever it is needed.
import { dirname, join } from "node:path";
import { evaluate } from "@convirt/image-format/evaluate";
import type { Options } from "@convirt/image-format/value";
import { safeDisk } from "@convirt/image-format/xl/render";
import type { ProvisionSpec } from "@convirt/proto/provision";
import type { AgentConfig } from "../config/config.js";
import { Refusal } from "../errors/errors.js";
import type { Footprint } from "../leftovers/footprint.js";

export interface PlannedDisk {
  /** As the image wrote it. */
  entry: string;
  target: string;
  device: string;
  format: string;
  writable: boolean;
  cdrom: boolean;
  /** MiB that image.conf asks for; 0 when it says nothing. */
  sizeMib: number;
  /** Whether the script is to make it, so that it must not be there yet. */
  made: boolean;
}

export interface Plan {
  imageConf: Options;
  vmConf: Options;
  disks: PlannedDisk[];
  imageDir: string;
  scriptPath: string;
  vmConfigPath: string;
  files: { imageConf: string; vmConf: string; args: string; log: string };
  timeoutMs: number;
}

const vmName = /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/;
const imageName = /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,62}$/;
const jobId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const defaultConfDir = "/var/cache/convirt/vm_configs";

/** Throws a Refusal for names that cannot be, and for files that do not evaluate. */
export function makePlan(spec: ProvisionSpec, config: AgentConfig): Plan {
  if (!jobId.test(spec.jobId)) throw new Refusal("bad_request", `"${spec.jobId}" is not a job's id`);
  if (!jobId.test(spec.vmUuid)) throw new Refusal("bad_request", `"${spec.vmUuid}" is not a VM's uuid`);
  if (!vmName.test(spec.vmName))
    throw new Refusal(
      "bad_vm_name",
      `"${spec.vmName}" cannot be a VM's name: a letter first, then letters, digits, _ . - and 63 in all`,
    );
  if (!imageName.test(spec.image)) throw new Refusal("bad_request", `"${spec.image}" cannot be an image's name`);
  const imageConf = options(spec.imageConf, "image.conf");
  const vmConf = options(spec.vmConf, "VM configuration");
  const folder = text(vmConf, "VM_CONF_DIR") ?? text(imageConf, "VM_CONF_DIR") ?? defaultConfDir;
  const logs = join(config.logDir, spec.image);
  const name = `${spec.image}_${spec.vmName}`;
  const imageDir = join(config.storeDir, spec.image);
  return {
    imageConf,
    vmConf,
    disks: disksOf(vmConf, imageConf),
    imageDir,
    scriptPath: join(imageDir, "provision.sh"),
    vmConfigPath: join(folder, spec.vmName),
    files: {
      imageConf: join(logs, `${name}_image.conf`),
      vmConf: join(logs, `${name}_vm.conf`),
      args: join(logs, `${name}.args`),
      log: join(logs, `${name}.log`),
    },
    timeoutMs: timeout(spec, vmConf, imageConf, config),
  };
}

/** Where the job may make something on this host. */
export function footprintOf(spec: ProvisionSpec, plan: Plan): Footprint {
  const targets = plan.disks.map((disk) => disk.target).filter((path) => path.startsWith("/"));
  return {
    ...{ jobId: spec.jobId, vmName: spec.vmName, vmUuid: spec.vmUuid, targets, configPath: plan.vmConfigPath },
    folders: [...new Set([...[...targets, plan.vmConfigPath].map((path) => dirname(path)), plan.imageDir])],
  };
}

function options(source: string, file: string): Options {
  const evaluation = evaluate(source, { file });
  if (evaluation.ok) return evaluation.options;
  const [first] = evaluation.diagnostics;
  throw new Refusal(
    "config_invalid",
    `The ${file} that was sent does not evaluate: ${first?.message ?? ""} (line ${first?.line ?? 0})`,
  );
}

export function text(from: Options, name: string): string | undefined {
  const value = from.get(name);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function whole(from: Options, name: string): number {
  const value = from.get(name);
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "number") return Math.floor(value);
  return typeof value === "string" && /^\d{1,12}$/.test(value) ? Number(value) : 0;
}

/** The disks of a VM configuration. Throws a Refusal when an entry cannot be read. */
export function disksOf(vmConf: Options, imageConf: Options): PlannedDisk[] {
  const list = vmConf.get("disk");
  const entries = (Array.isArray(list) ? list : [list]).filter(
    (entry): entry is string => typeof entry === "string" && entry.trim() !== "",
  );
  return entries.map((entry) => {
    const disk = safeDisk(entry);
    if (typeof disk === "string") throw new Refusal("disk_invalid", `The disk "${entry}" cannot be used: ${disk}`);
    const made =
      text(imageConf, `${disk.vdev}_disk_create`) === "yes" || text(imageConf, `${disk.vdev}_image_src`) !== undefined;
    return {
      entry,
      target: disk.target,
      device: disk.vdev,
      format: formatOf(disk.format, text(imageConf, `${disk.vdev}_disk_type`)),
      writable: disk.readwrite,
      cdrom: disk.cdrom,
      sizeMib: whole(imageConf, `${disk.vdev}_disk_size`),
      made: disk.readwrite && made,
    };
  });
}

/** `file:` with `_disk_type='qcow2'` is a qcow2 disk, whatever the entry says. */
function formatOf(format: string, type: string | undefined): string {
  if (type === "qcow2" || type === "vmdk") return type;
  return format;
}

function timeout(spec: ProvisionSpec, vmConf: Options, imageConf: Options, config: AgentConfig): number {
  const most = config.policy.longestScriptMs;
  const asked = spec.timeoutMs || (whole(vmConf, "provision_timeout") || whole(imageConf, "provision_timeout")) * 1000;
  if (spec.timeoutMs > most)
    throw new Refusal(
      "timeout_too_long",
      `The script may run for ${most / 1000} s on this host, ${spec.timeoutMs / 1000} s were asked for`,
    );
  return asked === 0 ? Math.min(most, 3_600_000) : Math.min(asked, most);
}
