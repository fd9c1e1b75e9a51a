// The store's shell, for tests: a piece of bash that has sourced the common files, as a provision.sh does, in a folder of its own that is $F.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "@convirt/demo/installation";

export const store = join(root, "image_store");
export const mib = 1024 * 1024;
export const isRoot = process.getuid?.() === 0;

export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "convirt-store-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs it without `set -e`, as old scripts do, with a log at $F/log that is not shown. */
export function bash(folder: string, script: string, environment: Record<string, string> = {}) {
  const env = { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", HOME: folder, F: folder, ...environment };
  return spawnSync("bash", ["-c", `source "${store}/common/defs"; source "${store}/common/functions"\n${script}`], {
    encoding: "utf8",
    env,
    cwd: folder,
  });
}

/** An image's script as the agent runs it, with these options, ready for a shell as the agent prepares them. */
export function provision(
  folder: string,
  request: { script: string; options: Record<string, string>; environment?: Record<string, string> },
) {
  const prepare = `
    mkdir -p "$F/shell"; : >"$F/image.conf"; : >"$F/vm.conf"
    cat >"$F/shell/image_conf.sh"; : >"$F/shell/vm_conf.sh"
    sha256sum "$F/image.conf" >"$F/shell/image_conf.sha256"; sha256sum "$F/vm.conf" >"$F/shell/vm_conf.sha256"
    exec "$SCRIPT" -x "$F/vm.conf" -p /dev/null -s "$STORE" -i Image -l "$F/log" -c "$F/image.conf" </dev/null`;
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  // Where its input is a socket, bash takes itself for a remote shell and reads the user's own settings.
  return spawnSync("bash", ["--norc", "-c", prepare], {
    encoding: "utf8",
    cwd: folder,
    input: Object.entries(request.options)
      .map(([name, value]) => `${name}=${quoted(value)}\n`)
      .join(""),
    env: {
      PATH: process.env["PATH"] ?? "",
      LANG: "C.UTF-8",
      F: folder,
      SCRIPT: request.script,
      STORE: store,
      CONVIRT_SHELL_CONFIG_DIR: join(folder, "shell"),
      CONVIRT_VM_NAME: "web",
      CONVIRT_VM_UUID: "087cae58-ef28-4c2e-9cd7-4acab221a082",
      ...request.environment,
    },
  });
}
