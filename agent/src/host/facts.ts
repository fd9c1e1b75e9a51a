// The host's facts: what does not change while it is up. Read once at start and again when asked, from the toolstack, the system and the settings.
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { readFile, statfs } from "node:fs/promises";
import { hostname, machine, release, type, version } from "node:os";
import type { HostFacts } from "@convirt/proto/host";
import type { AgentConfig } from "../config/config.js";
import type { Toolstack, ToolstackFacts } from "../toolstack/toolstack.js";

/** Paths that old images ask for by `os.path.exists`. */
const askedPaths = [
  "/usr/lib/xen/boot/hvmloader",
  "/usr/lib/xen/bin/qemu-dm",
  "/usr/lib64/xen/bin/qemu-dm",
  "/usr/lib/xen/bin/pygrub",
  "/usr/lib/xen/bin/qemu-system-i386",
  "/usr/bin/pygrub",
  "/usr/sbin/xl",
  "/usr/sbin/xm",
  "/usr/lib64",
  "/dev/cdrom",
] as const;

export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** Network devices that are bridges, by name, and the one that the settings name: an Open vSwitch, say, is not seen as a bridge. */
export function bridges(named: string): string[] {
  const folder = "/sys/class/net";
  const found = existsSync(folder) ? readdirSync(folder).filter((name) => existsSync(`${folder}/${name}/bridge`)) : [];
  return [...new Set([...found, ...(named === "" ? [] : [named])])].sort();
}

export async function gatherFacts(
  config: AgentConfig,
  toolstack: Toolstack,
  problems: string[],
  signal: AbortSignal,
): Promise<HostFacts> {
  const answered: ToolstackFacts | undefined = await toolstack.info(signal).catch(() => undefined);
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
    toolstack: toolstack.name,
    virtCaps: answered?.virtCaps ?? "",
    cpus: answered?.cpus ?? 0,
    memoryMib: BigInt(answered?.totalMemoryMib ?? 0),
    defaultBridge: preferred,
    bridges: found,
    imageStore: config.storeDir,
    existingPaths: askedPaths.filter((path) => existsSync(path)),
    diskRoots: [...config.policy.diskRoots],
    problems,
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

export function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Resident memory of this process, in MiB: what `convirt-agent check` shows. */
export async function residentMib(): Promise<number> {
  const status = await readFile("/proc/self/status", "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}
