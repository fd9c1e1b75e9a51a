// The files that a script is handed: image.conf and the VM configuration as literals, the args file, the same options ready for a shell, and the log. Those of an
// earlier job for the same names are kept beside them under that job's id.
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { toShell } from "@convirt/image-format/shell";
import type { ProvisionSpec } from "@convirt/proto/provision";
import type { AgentConfig } from "../config/config.js";
import { put } from "../disk/durable.js";
import { Failure } from "../errors/errors.js";
import type { Journal } from "../provision/journal.js";
import type { Plan } from "../provision/plan.js";
import { scriptEnvironment } from "./runner.js";

export function writeScriptFiles(spec: ProvisionSpec, plan: Plan, config: AgentConfig, journal: Journal): void {
  const logs = dirname(plan.files.log);
  mkdirSync(logs, { recursive: true, mode: 0o750 });
  if (lstatSync(logs).isSymbolicLink())
    throw new Failure("script_failed", "script", `Cannot write logs to ${logs}: it is a link`);
  setAside(plan, config, spec.jobId);
  put(plan.files.imageConf, spec.imageConf);
  put(plan.files.vmConf, spec.vmConf);
  put(plan.files.args, "");
  put(plan.files.log, "");

  const shell = shellFolder(journal);
  mkdirSync(shell, { recursive: true, mode: 0o700 });
  for (const [name, path, options] of [
    ["image_conf", plan.files.imageConf, plan.imageConf],
    ["vm_conf", plan.files.vmConf, plan.vmConf],
  ] as const) {
    put(join(shell, `${name}.sh`), toShell(options).text);
    put(join(shell, `${name}.sha256`), `${createHash("sha256").update(readFileSync(path)).digest("hex")}  ${path}\n`);
  }
}

export function environmentOf(
  spec: ProvisionSpec,
  config: AgentConfig,
  journal: Journal,
  agentCommand: string,
): Record<string, string> {
  return scriptEnvironment({
    CONVIRT_AGENT: agentCommand,
    CONVIRT_JOB_ID: spec.jobId,
    CONVIRT_VM_NAME: spec.vmName,
    CONVIRT_VM_UUID: spec.vmUuid,
    CONVIRT_IMAGE: spec.image,
    CONVIRT_STORE: config.storeDir,
    CONVIRT_SHELL_CONFIG_DIR: shellFolder(journal),
    CONVIRT_REPLACE_DISKS: spec.replaceDisks ? "yes" : "no",
  });
}

function shellFolder(journal: Journal): string {
  return join(journal.folder, "shell");
}

export function scriptArguments(spec: ProvisionSpec, plan: Plan, config: AgentConfig): string[] {
  const { vmConf, args, log, imageConf } = plan.files;
  return [
    plan.scriptPath,
    "-x",
    vmConf,
    "-p",
    args,
    "-s",
    config.storeDir,
    "-i",
    spec.image,
    "-l",
    log,
    "-c",
    imageConf,
  ];
}

/** Renames what an earlier job left under these names, and tells that job's folder where its log is now. */
function setAside(plan: Plan, config: AgentConfig, jobId: string): void {
  const note = `${plan.files.log}.job`;
  const before = existsSync(note) ? readFileSync(note, "utf8").trim() : "";
  if (before !== "" && before !== jobId) {
    for (const path of Object.values(plan.files)) {
      if (existsSync(path)) renameSync(path, `${path}.${before}`);
    }
    const folder = join(config.stateDir, "jobs", before);
    if (existsSync(folder)) put(join(folder, "log-path"), `${plan.files.log}.${before}`);
  }
  put(note, jobId);
}
