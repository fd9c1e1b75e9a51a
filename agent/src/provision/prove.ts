// After exit 0, proof: the toolstack's file is written from what the script left, read back, and everything that it names is looked at. A script that says yes and
// made nothing is found out here, and what is missing is named.
import { constants, mkdirSync, readFileSync, statSync } from "node:fs";
import { access, open } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { evaluate } from "@convirt/image-format/evaluate";
import type { Options } from "@convirt/image-format/value";
import { parseXlConfig } from "@convirt/image-format/xl/config";
import { renderXl } from "@convirt/image-format/xl/render";
import { renderXm } from "@convirt/image-format/xl/render-xm";
import type { Disk, Proof, ProvisionSpec } from "@convirt/proto/provision";
import { put } from "../disk/durable.js";
import { Failure, Refusal } from "../errors/errors.js";
import { isWithin } from "../server/domain-service.js";
import { type Toolstack, ToolstackError } from "../toolstack/toolstack.js";
import { disksOf, type Plan, type PlannedDisk, text } from "./plan.js";

export interface Proven {
  proofs: Proof[];
  disks: Disk[];
  vmConfig: string;
  /** The VM configuration as the script left it. */
  vmConf: string;
}

/** Looks at everything; `proofs` says what was found. Throws Failure("not_proven") only when not even the configuration can be written. */
export async function prove(
  spec: ProvisionSpec,
  plan: Plan,
  toolstack: Toolstack,
  diskRoots: readonly string[],
  signal: AbortSignal,
): Promise<Proven> {
  const vmConf = readFileSync(plan.files.vmConf, "utf8");
  const evaluation = evaluate(vmConf, { file: basename(plan.files.vmConf), predefined: "vm_conf" });
  if (!evaluation.ok) {
    const [first] = evaluation.diagnostics;
    throw new Failure(
      "not_proven",
      "prove",
      `The script left a VM configuration that does not evaluate: ${first?.message ?? ""} (${first?.file ?? ""}, line ${first?.line ?? 0})`,
    );
  }
  const proofs: Proof[] = [];
  const vmConfig = writeConfig(spec, plan, evaluation.options, toolstack.name, proofs);
  const disks: Disk[] = [];
  for (const disk of disksOf(evaluation.options, plan.imageConf)) {
    const outcome = await lookAtDisk(disk, diskRoots);
    proofs.push(outcome.proof);
    if (!disk.cdrom)
      disks.push({
        target: disk.target,
        device: disk.device,
        format: disk.format,
        bytes: BigInt(outcome.bytes),
        writable: disk.writable,
      });
  }
  for (const name of ["kernel", "ramdisk"] as const) {
    const path = text(evaluation.options, name);
    if (path === undefined || /hvmloader/.test(path)) continue;
    proofs.push(await lookAtFile(name, path));
  }
  // What is missing already would make the toolstack say the same in more words.
  if (proofs.every((proof) => proof.holds)) proofs.push(await askToolstack(plan.vmConfigPath, toolstack, signal));
  return { proofs, disks, vmConfig, vmConf };
}

/** What the script left and cannot be read, or written beside, as the end of a job; anything else as it is. */
export function notProvenOr(error: unknown): unknown {
  if (error instanceof Refusal)
    return new Failure("not_proven", "prove", `The script ended with 0, but: ${error.message}`, { cause: error });
  if (!(error instanceof Error) || !("syscall" in error)) return error;
  return new Failure(
    "not_proven",
    "prove",
    `The script ended with 0, but what it left cannot be used: ${error.message}`,
    {
      cause: error,
    },
  );
}

function writeConfig(
  spec: ProvisionSpec,
  plan: Plan,
  options: Options,
  toolstack: "xl" | "xm",
  proofs: Proof[],
): string {
  const render = toolstack === "xl" ? renderXl : renderXm;
  const rendered = render(options, { vmName: spec.vmName, uuid: spec.vmUuid });
  mkdirSync(dirname(plan.vmConfigPath), { recursive: true, mode: 0o750 });
  put(plan.vmConfigPath, rendered.text);
  const problems = rendered.diagnostics.filter((one) => one.severity === "error").map((one) => one.message);
  const back =
    toolstack === "xl" ? parseXlConfig(readFileSync(plan.vmConfigPath, "utf8"), plan.vmConfigPath) : undefined;
  if (back?.accepted === false) problems.push(...back.diagnostics.map((one) => `line ${one.line}: ${one.message}`));
  proofs.push({
    subject: `configuration ${plan.vmConfigPath}`,
    holds: problems.length === 0,
    found: problems.length === 0 ? `reads as ${toolstack}'s` : problems.join("; "),
  });
  return rendered.text;
}

async function lookAtDisk(disk: PlannedDisk, roots: readonly string[]): Promise<{ proof: Proof; bytes: number }> {
  const subject = `disk ${disk.device} ${disk.target || "(empty drive)"}`;
  const no = (found: string, bytes = 0) => ({ proof: { subject, holds: false, found }, bytes });
  if (disk.target === "") return { proof: { subject, holds: true, found: "no medium" }, bytes: 0 };
  if (disk.writable && !isWithin(disk.target, roots)) return no("lies outside of the folders that this host allows");
  const stat = statSync(disk.target, { throwIfNoEntry: false });
  if (stat === undefined) return no("is not there");
  if (!stat.isFile() && !stat.isBlockDevice()) return no("is neither a file nor a block device");
  const bytes = stat.isBlockDevice()
    ? await deviceBytes(disk.target)
    : await fileBytes(disk.target, disk.format, stat.size);
  if (typeof bytes === "string") return no(bytes);
  const wanted = disk.writable ? disk.sizeMib * 1024 * 1024 : 0;
  if (bytes < wanted) return no(`holds ${bytes} bytes, ${wanted} are wanted`, bytes);
  return {
    proof: { subject, holds: true, found: `${stat.isBlockDevice() ? "block device" : disk.format}, ${bytes} bytes` },
    bytes,
  };
}

/** What the guest will see: the virtual size of a qcow2, the length of everything else. A sentence when it is not of its kind. */
async function fileBytes(path: string, format: string, length: number): Promise<number | string> {
  if (format !== "qcow2" && format !== "vmdk") return length;
  const header = Buffer.alloc(32);
  const file = await open(path, "r");
  try {
    await file.read(header, 0, header.length, 0);
  } finally {
    await file.close();
  }
  if (format === "vmdk")
    return header.toString("latin1", 0, 4) === "KDMV" ? Number(header.readBigUInt64LE(12)) * 512 : "is not a vmdk disk";
  return header.readUInt32BE(0) === 0x514649fb ? Number(header.readBigUInt64BE(24)) : "is not a qcow2 disk";
}

async function deviceBytes(path: string): Promise<number> {
  const file = await open(path, "r");
  try {
    // A block device has no length of its own: the kernel's table by number has.
    const { rdev } = await file.stat();
    const major = Math.floor(rdev / 256) & 0xfff;
    const minor = (rdev & 0xff) | ((rdev >> 12) & 0xfff00);
    return Number(readFileSync(`/sys/dev/block/${major}:${minor}/size`, "utf8")) * 512;
  } finally {
    await file.close();
  }
}

async function lookAtFile(what: string, path: string): Promise<Proof> {
  const subject = `${what} ${path}`;
  try {
    await access(path, constants.R_OK);
    const stat = statSync(path);
    if (!stat.isFile()) return { subject, holds: false, found: "is not a file" };
    return { subject, holds: stat.size > 0, found: stat.size > 0 ? `${stat.size} bytes` : "is empty" };
  } catch (error) {
    return {
      subject,
      holds: false,
      found: (error as NodeJS.ErrnoException).code === "ENOENT" ? "is not there" : "cannot be read",
    };
  }
}

async function askToolstack(path: string, toolstack: Toolstack, signal: AbortSignal): Promise<Proof> {
  const subject = `${toolstack.name} create -n`;
  try {
    await toolstack.dryRun(path, signal);
    return { subject, holds: true, found: "agrees" };
  } catch (error) {
    if (!(error instanceof ToolstackError)) throw error;
    return { subject, holds: false, found: error.message };
  }
}
