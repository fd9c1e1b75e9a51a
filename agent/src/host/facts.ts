// The host's facts: what hardly changes while it is up. Put together when asked for, from the system, the settings, and what the toolstack last said.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { hostname, machine, release, type, version } from "node:os";
import type { HostFacts } from "@convirt/proto/host";
import type { AgentConfig } from "../config/config.js";
import type { ToolstackFacts } from "../toolstack/toolstack.js";

/** Paths that old images ask for by `os.path.exists`. */
const askedPaths = [
  "/usr/lib/xen/boot/hvmloader",
  "/usr/lib64/xen/boot/hvmloader",
  "/usr/libexec/xen/boot/hvmloader",
  "/usr/lib/xen/bin/qemu-dm",
  "/usr/lib64/xen/bin/qemu-dm",
  "/usr/lib/xen/bin/pygrub",
  "/usr/lib64/xen/bin/pygrub",
  "/usr/libexec/xen/bin/pygrub",
  "/usr/lib/xen/bin/qemu-system-i386",
  "/usr/bin/pygrub",
  "/usr/sbin/xl",
  "/usr/sbin/xm",
  "/usr/lib64",
  "/dev/cdrom",
] as const;

/** Debian keeps each version of Xen in a folder of its own. */
const versionedPaths = ["boot/hvmloader", "bin/pygrub", "bin/qemu-dm"] as const;

function existingPaths(): string[] {
  const versions = existsSync("/usr/lib") ? readdirSync("/usr/lib").filter((name) => /^xen-\d/.test(name)) : [];
  const versioned = versions.flatMap((name) => versionedPaths.map((path) => `/usr/lib/${name}/${path}`));
  return [...askedPaths, ...versioned].filter((path) => existsSync(path));
}

/** Stays while this process does. */
let boot: string | undefined;

export function bootId(): string {
  boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return boot;
}

/** Network devices that are bridges, by name, and the one that the settings name: an Open vSwitch, say, is not seen as a bridge. */
export function bridges(named: string): string[] {
  const folder = "/sys/class/net";
  const found = existsSync(folder) ? readdirSync(folder).filter((name) => existsSync(`${folder}/${name}/bridge`)) : [];
  return [...new Set([...found, ...(named === "" ? [] : [named])])].sort();
}

export interface FactsSources {
  config: AgentConfig;
  toolstack: "xl" | "xm";
  /** Undefined while the toolstack has not answered: the system then says what it knows. */
  answered: ToolstackFacts | undefined;
  /** What the host lacks. */
  problems: readonly string[];
}

export function gatherFacts({ config, toolstack, answered, problems }: FactsSources): HostFacts {
  const found = bridges(config.defaultBridge);
  const preferred =
    config.defaultBridge ||
    (found.find((name) => name.startsWith("xenbr")) ??
      found.find((name) => /^(br|virbr)/.test(name)) ??
      found[0] ??
      "");
  return {
    hostname: answered?.hostname || hostname(),
    sysname: type(),
    release: answered?.release || release(),
    version: version(),
    machine: answered?.machine || machine(),
    bootId: bootId(),
    xenVersion: answered?.xenVersion ?? "",
    toolstack,
    virtCaps: answered?.virtCaps ?? "",
    cpus: answered?.cpus ?? 0,
    memoryMib: BigInt(answered?.totalMemoryMib ?? 0),
    defaultBridge: preferred,
    bridges: found,
    imageStore: config.storeDir,
    existingPaths: existingPaths(),
    diskRoots: [...config.policy.diskRoots],
    problems: [...problems],
  };
}

export function digestOf(facts: HostFacts): string {
  const plain = JSON.stringify(facts, (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
  return createHash("sha256").update(plain).digest("hex").slice(0, 16);
}

/** Bytes that are free for the image store; of the nearest folder above it that is there. */
export async function freeBytes(folder: string): Promise<number> {
  let path = folder;
  while (!existsSync(path) && path !== "/") path = path.slice(0, path.lastIndexOf("/")) || "/";
  const stat = await statfs(path);
  return stat.bavail * stat.bsize;
}
