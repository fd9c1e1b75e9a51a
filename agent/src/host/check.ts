// `convirt-agent check`: what this host lacks, and how to get it. Errors stop provisioning; warnings stop some kinds of it. The running agent says the same to the
// controller, so that a host's page shows what is missing on it.
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import type { AgentConfig } from "../config/config.js";
import { loadIdentity, timeTrouble } from "../identity/identity.js";
import { plainEnvironment, run } from "../process/run.js";
import type { Toolstack } from "../toolstack/toolstack.js";
import { bridges, freeBytes } from "./facts.js";

export interface Finding {
  severity: "error" | "warning";
  what: string;
  advice: string;
}

interface Program {
  name: string;
  severity: Finding["severity"];
  use: string;
  debian: string;
}

const programs: readonly Program[] = [
  { name: "bash", severity: "error", use: "provision.sh", debian: "bash" },
  { name: "flock", severity: "error", use: "the runner of scripts", debian: "util-linux" },
  { name: "setsid", severity: "error", use: "the runner of scripts", debian: "util-linux" },
  { name: "mke2fs", severity: "warning", use: "file systems ext2, ext3 and ext4", debian: "e2fsprogs" },
  { name: "mkfs.xfs", severity: "warning", use: "file systems of kind xfs", debian: "xfsprogs" },
  { name: "qemu-img", severity: "warning", use: "qcow2 and vmdk disks", debian: "qemu-utils" },
  { name: "lvcreate", severity: "warning", use: "LVM disks", debian: "lvm2" },
  { name: "curl", severity: "warning", use: "files that are fetched from the network", debian: "curl" },
  { name: "genisoimage", severity: "warning", use: "cloud-init seeds", debian: "genisoimage" },
  { name: "busybox", severity: "warning", use: "the image Tiny_Linux", debian: "busybox-static" },
];

const leastFreeBytes = 1024 ** 3;
/** Hardly a guest starts with less. */
const leastFreeMemoryMib = 64;
const leastNode = [18, 17] as const;
const clockLimitMs = 5_000;

/** Everything that is wrong, errors first. `toolstack` is undefined when neither program is there. */
export async function checkHost(
  config: AgentConfig,
  toolstack: Toolstack | undefined,
  signal: AbortSignal,
): Promise<Finding[]> {
  const found: Finding[] = [];
  if (toolstack === undefined) {
    found.push({
      severity: "error",
      what: config.toolstack === "auto" ? "There is neither xl nor xm" : `There is no ${config.toolstack}`,
      advice: "apt-get install xen-system-amd64, and boot it; or set toolstack in agent.toml",
    });
  } else found.push(...(await checkToolstack(toolstack, signal)));
  if (config.defaultBridge !== "" && !existsSync(`/sys/class/net/${config.defaultBridge}`))
    found.push({
      severity: "warning",
      what: `There is no network device "${config.defaultBridge}", which the settings name as the bridge`,
      advice: "Make it, or name another as default_bridge in agent.toml: ip link show type bridge",
    });
  found.push(...(await lacking(config)), ...(await checkClock(signal)), ...checkIdentity(config.stateDir));
  return found.sort((a, b) => Number(a.severity === "warning") - Number(b.severity === "warning"));
}

async function checkToolstack(toolstack: Toolstack, signal: AbortSignal): Promise<Finding[]> {
  const found: Finding[] = [];
  if (toolstack.name === "xm")
    found.push({
      severity: "warning",
      what: "There is xm and no xl: this Xen is older than 4.5, and gets no fixes any more",
      advice: "VMs can be made with it; a Xen of today brings xl: apt-get install xen-system-amd64",
    });
  try {
    const { freeMemoryMib } = await toolstack.info(signal);
    if (freeMemoryMib < leastFreeMemoryMib)
      found.push({
        severity: "warning",
        what: `Only ${freeMemoryMib} MiB of memory are free for VMs`,
        advice:
          "Shut VMs down; or let dom0 have less: dom0_mem=2G,max:2G in GRUB_CMDLINE_XEN of /etc/default/grub, update-grub, reboot",
      });
  } catch (error) {
    found.push({
      severity: "error",
      what: error instanceof Error ? error.message : String(error),
      advice: "Is this the dom0 of a running Xen (cat /sys/hypervisor/type), is xenstored up, and is this root?",
    });
  }
  return found;
}

/** What can be seen without asking another program. */
export async function lacking(config: AgentConfig): Promise<Finding[]> {
  const found: Finding[] = [...checkNode(process.versions.node)];
  for (const program of programs) {
    if (isInstalled(program.name)) continue;
    found.push({
      severity: program.severity,
      what: `There is no ${program.name}, for ${program.use}`,
      advice: `apt-get install ${program.debian}`,
    });
  }
  for (const folder of [config.storeDir, config.logDir, config.stateDir]) found.push(...checkFolder(folder));
  if (bridges(config.defaultBridge).length === 0)
    found.push({
      severity: "warning",
      what: "There is no network bridge",
      advice: "Make one, usually xenbr0, for VMs with a network card",
    });
  const free = await freeBytes(config.storeDir);
  if (free < leastFreeBytes)
    found.push({
      severity: "warning",
      what: `Only ${Math.floor(free / 1024 ** 2)} MiB are free for ${config.storeDir}`,
      advice: "Make room",
    });
  return found;
}

export function checkNode(version: string): Finding[] {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > leastNode[0] || (major === leastNode[0] && minor >= leastNode[1])) return [];
  return [
    {
      severity: "error",
      what: `Node.js is ${version}, and must be ${leastNode.join(".")} or newer`,
      advice: "Install a newer Node.js",
    },
  ];
}

/** A clock that is wrong makes certificates look expired, or not valid yet. */
async function checkClock(signal: AbortSignal): Promise<Finding[]> {
  const command = ["timedatectl", "show", "--property=NTPSynchronized", "--value"] as const;
  const report = await run(command, { signal, timeoutMs: clockLimitMs });
  if (report.exitCode !== 0 || report.stdout.trim() !== "no") return [];
  return [
    {
      severity: "warning",
      what: "The clock is not kept by a time server",
      advice: "apt-get install chrony, or: timedatectl set-ntp true",
    },
  ];
}

function checkIdentity(stateDir: string): Finding[] {
  try {
    const identity = loadIdentity(stateDir);
    if (identity === undefined)
      return [
        {
          severity: "warning",
          what: "This host is not enrolled yet",
          advice: "convirt host invite NAME, and give the invitation to: convirt-agent enrol",
        },
      ];
    const what = timeTrouble(identity);
    if (what === undefined) return [];
    const advice =
      "Put the clock right (timedatectl set-ntp true); where it is right, enrol again: convirt host invite NAME, and convirt-agent enrol";
    return [{ severity: "error", what, advice }];
  } catch (error) {
    return [
      {
        severity: "error",
        what: error instanceof Error ? error.message : String(error),
        advice: "Run as root; or enrol again: convirt host invite NAME, and convirt-agent enrol",
      },
    ];
  }
}

function checkFolder(folder: string): Finding[] {
  const advice = "Run as root, or name another folder in agent.toml";
  try {
    mkdirSync(folder, { recursive: true, mode: 0o750 });
  } catch {
    return [{ severity: "error", what: `${folder} is not there and cannot be made`, advice }];
  }
  try {
    accessSync(folder, constants.W_OK);
    return [];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EROFS")
      return [{ severity: "error", what: `${folder} cannot be written`, advice }];
    return [
      {
        severity: "error",
        what: `${folder} is on a file system that is read-only`,
        advice: "See why (dmesg): a disk that fails is often made read-only; mend it, then: mount -o remount,rw",
      },
    ];
  }
}

export function isInstalled(program: string): boolean {
  return (plainEnvironment["PATH"] ?? "").split(":").some((folder) => existsSync(`${folder}/${program}`));
}
