// The script's runner: a small shell program in a session of its own that outlives the agent. It holds a lock so that no second one can run for the job, notes
// its process, runs the script in a process group of its own with the log as standard output and error, and leaves the exit code by rename.
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { plainEnvironment } from "../process/run.js";

const program = `#!/bin/sh
# Written by the agent. $1: the job's folder; behind it, the script and its arguments.
folder=$1
shift
exec 9>"$folder/lock"
flock -n 9 || exit 97
umask 027
# The script is told to stop, not this: it must live to write the exit code.
trap : TERM INT HUP
echo $$ >"$folder/runner.new" && mv "$folder/runner.new" "$folder/runner"
setsid "$@" 9>&- &
script=$!
echo $script >"$folder/script.new" && mv "$folder/script.new" "$folder/script"
wait $script
code=$?
while kill -0 $script 2>/dev/null; do wait $script; code=$?; done
echo $code >"$folder/exit.new" && mv "$folder/exit.new" "$folder/exit"
`;

const pollMs = 1_000;
const slice = ["systemd-run", "--scope", "--quiet", "--collect", "--slice=convirt-runners.slice"];

export interface Launch {
  folder: string;
  /** The script and its arguments. */
  command: readonly string[];
  cwd: string;
  environment: Readonly<Record<string, string>>;
  logPath: string;
  useScopes: boolean;
}

/** Writes the runner's program beside the jobs, for all of them. */
export function installRunner(stateDir: string): string {
  const path = join(stateDir, "runner.sh");
  writeFileSync(path, program, { mode: 0o700 });
  return path;
}

/** Starts the runner, which then needs nobody. The caller has noted that it does so. */
export function launch(runner: string, request: Launch): void {
  const log = openSync(request.logPath, "a", 0o640);
  try {
    const words = [...(request.useScopes ? slice : []), "/bin/sh", runner, request.folder, ...request.command];
    const [file = "", ...rest] = words;
    const child = spawn(file, rest, {
      cwd: request.cwd,
      env: { ...request.environment },
      detached: true,
      stdio: ["ignore", log, log],
    });
    child.on("error", (error) => writeFileSync(join(request.folder, "launch-error"), error.message));
    child.unref();
  } finally {
    closeSync(log);
  }
}

/** The exit code, once the runner has left it. */
export function exitCode(folder: string): number | undefined {
  const text = readSmall(join(folder, "exit"));
  return text === undefined ? undefined : Number.parseInt(text, 10);
}

/** Whether the runner lives: its process is there and is this job's, which a reused process number is not. */
export function isAlive(folder: string): boolean {
  const pid = Number.parseInt(readSmall(join(folder, "runner")) ?? "", 10);
  return Number.isInteger(pid) && readSmall(`/proc/${pid}/cmdline`)?.includes(folder) === true;
}

function readSmall(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Sends a signal to the script and all of its process group. False when there is none any more. */
export function signalScript(folder: string, signal: "SIGTERM" | "SIGKILL"): boolean {
  if (!isAlive(folder)) return false;
  const pid = Number.parseInt(readSmall(join(folder, "script")) ?? "", 10);
  if (!Number.isInteger(pid) || pid <= 1) return false;
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** How long a runner may take to note its process after it was launched. */
const appearLimitMs = 15_000;

/** Waits for the end: the exit code, or "lost" when the runner is gone without one. */
export async function whenEnded(folder: string, signal: AbortSignal, launchedAtMs: number): Promise<number | "lost"> {
  let wake: () => void = () => undefined;
  const watcher = watch(folder, () => wake());
  watcher.on("error", () => undefined);
  try {
    for (;;) {
      signal.throwIfAborted();
      const code = exitCode(folder);
      if (code !== undefined) return code;
      const appeared = existsSync(join(folder, "runner"));
      const stillStarting =
        !appeared && Date.now() - launchedAtMs < appearLimitMs && !existsSync(join(folder, "launch-error"));
      // The exit file may have come between the two looks.
      if (!stillStarting && !isAlive(folder)) return exitCode(folder) ?? "lost";
      await Promise.race([new Promise<void>((resolve) => (wake = resolve)), delay(pollMs, undefined, { signal })]);
    }
  } finally {
    watcher.close();
  }
}

/** What a script of an image gets to see. */
export function scriptEnvironment(values: Readonly<Record<string, string>>): Record<string, string> {
  return { ...plainEnvironment, ...values };
}
