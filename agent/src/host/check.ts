// `convirt-agent check`: what this host lacks, and how to get it. Errors stop provisioning; warnings stop some kinds of it.
import { existsSync, mkdirSync } from "node:fs";
import type { AgentConfig } from "../config/config.js";
import { plainEnvironment } from "../process/run.js";
import { Driver } from "../toolstack/driver.js";
import { bridges, freeBytes, isWritable } from "./facts.js";

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

/** Everything that is wrong, errors first. */
export async function checkHost(
  config: AgentConfig,
  toolstack: { program: string; name: "xl" | "xm" } | undefined,
  signal: AbortSignal,
): Promise<Finding[]> {
  const found: Finding[] = [];
  if (toolstack === undefined) {
    found.push({
      severity: "error",
      what: "There is neither xl nor xm",
      advice: "apt-get install xen-system-amd64, and boot it; or set toolstack in agent.toml",
    });
  } else {
    const driver = new Driver({ ...toolstack, environment: plainEnvironment, creates: 1, scopes: false });
    await driver.info(signal).catch((error: unknown) => {
      found.push({
        severity: "error",
        what: error instanceof Error ? error.message : String(error),
        advice: "Is this the dom0 of a running Xen, and is this root?",
      });
    });
  }
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
  return found.sort((a, b) => (a.severity === b.severity ? 0 : a.severity === "error" ? -1 : 1));
}

function checkFolder(folder: string): Finding[] {
  try {
    mkdirSync(folder, { recursive: true });
  } catch {
    return [
      {
        severity: "error",
        what: `${folder} is not there and cannot be made`,
        advice: "Run as root, or name another folder in agent.toml",
      },
    ];
  }
  return isWritable(folder)
    ? []
    : [
        {
          severity: "error",
          what: `${folder} cannot be written`,
          advice: "Run as root, or name another folder in agent.toml",
        },
      ];
}

export function isInstalled(program: string): boolean {
  return (plainEnvironment["PATH"] ?? "").split(":").some((folder) => existsSync(`${folder}/${program}`));
}
