// The script's runner: a small bash program in a session of its own that outlives the agent. Of all runners that are ever launched for a job the one that first
// claims it, under a lock and by a note that stays, runs the script; so launching again is always safe. It runs the script in a session of its own with the log as
// standard output and error, keeps the log from growing without end, and leaves the exit code by rename. docs/decisions/0009 and 0011 say why it is so.
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Bell } from "../disk/bell.js";
import { put } from "../disk/durable.js";
import { isRunning, type ProcessIdentity, parseIdentity } from "../process/identity.js";
import { plainEnvironment, run } from "../process/run.js";
import { cutMark } from "./log-limit.js";

const program = `#!/bin/bash
# Written by the agent. $1: the job's folder; $2: the most that the log may hold, in MiB; $3: the bytes of the mark that ends it then; behind them, the script and
# its arguments. Standard output is the log. Each program that is started here is felt, in a short script and by a host that runs many, so what bash can do it does.
folder=$1
most=$2
limit=$((most * 1048576))
end=$((limit + $3))
shift 3
exec 9>"$folder/lock" || exit 96
flock -n 9 || exit 97
# One that came before has had the job, whatever became of it. Its note is one write: an empty file is of one that was killed before it had done anything.
[ ! -s "$folder/runner" ] || exit 98
exec 8>&1 >/dev/null 2>&1
umask 027
# The script is told to stop, not this: it must live to write the exit code.
trap : TERM INT HUP
# A pipe that nobody closes: the guard waits at it, and is woken through it.
exec 7<> <(:)

# Number, start and boot of a process: a number alone is used again.
identity() {
  read -r stat <"/proc/$1/stat" || return 1
  read -r boot </proc/sys/kernel/random/boot_id
  # shellcheck disable=SC2086 # in words, on purpose
  set -- "$1" \${stat##*) }
  echo "$1 \${21} $boot"
}

# Ends the log at its limit, with the mark. What is written behind it is taken off again; doing it twice changes nothing.
cut() {
  size=$(stat -Lc %s /proc/self/fd/8) || return 0
  [ "$size" -gt "$limit" ] || return 0
  if [ -e "$folder/cut" ] && [ "$size" -le "$end" ]; then return 0; fi
  dd if="$folder/mark" of=/proc/self/fd/8 bs=1048576 seek="$most" conv=notrunc 2>/dev/null &&
    truncate -s "$end" /proc/self/fd/8 && : >"$folder/cut"
}
# Whether a process that the script left behind still writes to the log.
held() {
  for fd in /proc/[0-9]*/fd/[12]; do
    if [ "$fd" -ef /proc/self/fd/8 ]; then return 0; fi
  done
  return 1
}
# Here to keep the log within its limit when no agent is: it looks seldom, and only at a log that was written to and that no agent has watched since. It starts no
# program to find that out.
guard() {
  while { [ ! -e "$folder/exit" ] && kill -0 $$; } || held; do
    read -r -t 5 -u 7
    if [ /proc/self/fd/8 -nt "$folder/looked" ]; then
      watched=
      if [ -e "$folder/looked" ] && [ "$folder/watched" -nt "$folder/looked" ]; then watched=yes; fi
      true >"$folder/looked"
      [ -n "$watched" ] || cut
    fi
  done
  # What was written between the last cut and the end of the last writer.
  cut
}

identity $$ >"$folder/runner" || exit 95
# Its block is had now: a disk that is full at the end cannot keep the exit code from us.
echo '-   ' >"$folder/exit.new"
setsid "$@" >&8 2>&8 7>&- 8>&- 9>&- &
script=$!
identity $script >"$folder/script"
guard 9>&- &
wait $script
code=$?
while kill -0 $script 2>/dev/null; do wait $script; code=$?; done
cut
tries=0
until { echo $code 1<>"$folder/exit.new" && mv "$folder/exit.new" "$folder/exit"; } 2>/dev/null || [ $tries -ge 86400 ]; do
  tries=$((tries + 1))
  sleep 1
done
echo >&7
`;

const pollMs = 250;
const seldomMs = 3_000;
const claimLimitMs = 30_000;
const scope = ["systemd-run", "--scope", "--quiet", "--collect", "--slice=convirt-runners.slice"];

export interface Launch {
  folder: string;
  /** The script and its arguments. */
  command: readonly string[];
  cwd: string;
  environment: Readonly<Record<string, string>>;
  logPath: string;
  logMib: number;
  useScopes: boolean;
}

/**
 * Writes the runner's program beside the jobs, for all of them. By rename: a shell may read a program while it runs, and an earlier one may run. One that is there
 * already is left, so that an agent comes back on a full disk.
 */
export function installRunner(stateDir: string): string {
  const path = join(stateDir, "runner.sh");
  if (readSmall(path) !== program) put(path, program);
  return path;
}

/**
 * Launches runners until one has claimed the job: in a scope of its own where that is wanted, else without. False when none could be started; none can start later
 * either, for the job is then claimed by nobody. The caller has noted that it launches.
 */
export async function launch(runner: string, request: Launch, signal: AbortSignal): Promise<boolean> {
  const markBytes = String(Buffer.byteLength(cutMark(request.logMib)));
  for (const around of request.useScopes ? [scope, []] : [[]]) {
    const over = new AbortController();
    const gone = start(
      [...around, "/bin/bash", runner, request.folder, String(request.logMib), markBytes, ...request.command],
      request,
    );
    void gone.then(() => over.abort());
    const claimed = await claimedBy(request.folder, AbortSignal.any([signal, over.signal]));
    signal.throwIfAborted();
    if (claimed || isClaimed(request.folder)) return true;
  }
  return !(await claimForNobody(request.folder));
}

/** Resolves when the process is gone, or never was. */
function start(words: readonly string[], request: Launch): Promise<void> {
  const log = openSync(request.logPath, "a", 0o640);
  try {
    const [file = "", ...rest] = words;
    const child = spawn(file, rest, {
      cwd: request.cwd,
      env: { ...request.environment },
      detached: true,
      // The runner gives the script both; of what goes before it nothing is the script's to say.
      stdio: ["ignore", log, "ignore"],
    });
    child.unref();
    return new Promise((resolve) => {
      child.once("error", () => resolve());
      child.once("exit", () => resolve());
    });
  } finally {
    closeSync(log);
  }
}

/** A note that is empty is of a runner that did nothing. */
export function isClaimed(folder: string): boolean {
  return (readSmall(join(folder, "runner")) ?? "") !== "";
}

async function claimedBy(folder: string, signal: AbortSignal): Promise<boolean> {
  const until = performance.now() + claimLimitMs;
  await whenSeen(folder, () => (isClaimed(folder) || performance.now() > until ? true : undefined), signal).catch(
    (error: unknown) => {
      if (!signal.aborted) throw error;
    },
  );
  return isClaimed(folder);
}

/** True when no runner has the job, and none will. */
async function claimForNobody(folder: string): Promise<boolean> {
  await run(
    [
      "flock",
      "--nonblock",
      join(folder, "lock"),
      "sh",
      "-c",
      '[ -s "$1" ] || echo nobody >"$1"',
      "sh",
      join(folder, "runner"),
    ],
    { signal: new AbortController().signal, timeoutMs: claimLimitMs },
  );
  // A note that names no process was not written by a runner.
  return isClaimed(folder) && runnerOf(folder) === undefined;
}

/** The exit code, once the runner has left it. */
export function exitCode(folder: string): number | undefined {
  const text = readSmall(join(folder, "exit"));
  return text === undefined ? undefined : Number.parseInt(text, 10);
}

export function runnerOf(folder: string): ProcessIdentity | undefined {
  return parseIdentity(readSmall(join(folder, "runner")) ?? "");
}

function isAlive(folder: string): boolean {
  const runner = runnerOf(folder);
  return runner !== undefined && isRunning(runner);
}

function readSmall(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Waits for the end: the exit code, or "lost" when the runner is gone without one. */
export async function whenEnded(folder: string, signal: AbortSignal): Promise<number | "lost"> {
  return whenSeen(
    folder,
    () => {
      const code = exitCode(folder);
      if (code !== undefined) return code;
      // The exit file may have come between the two looks.
      return isAlive(folder) ? undefined : (exitCode(folder) ?? "lost");
    },
    signal,
  );
}

/** Looks again whenever something in the folder changes, and now and then: a process that is killed changes nothing there. */
async function whenSeen<T>(folder: string, look: () => T | undefined, signal: AbortSignal): Promise<T> {
  const bell = new Bell();
  bell.watch(folder);
  try {
    for (;;) {
      signal.throwIfAborted();
      bell.reset();
      const seen = look();
      if (seen !== undefined) return seen;
      await bell.rung(bell.isWatching ? seldomMs : pollMs, signal);
    }
  } finally {
    bell.unwatch();
  }
}

/** What a script of an image gets to see. */
export function scriptEnvironment(values: Readonly<Record<string, string>>): Record<string, string> {
  return { ...plainEnvironment, ...values };
}
