// Runs a program of the host with limits: an argument array and never a shell, an environment that is given and never inherited, a time limit, and no more
// output kept than asked for. A program that fails is an answer, not an exception.
import { spawn } from "node:child_process";
import type { CommandReport } from "../toolstack/toolstack.js";

export interface RunOptions {
  signal: AbortSignal;
  timeoutMs: number;
  cwd?: string;
  env?: Record<string, string>;
  maxOutputBytes?: number;
  input?: string;
}

const killGraceMs = 2_000;
const tailBytes = 4096;

/** What every program gets unless told otherwise. */
export const plainEnvironment: Readonly<Record<string, string>> = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LANG: "C.UTF-8",
  HOME: "/root",
};

/** Runs to the end, or until the limit or the signal: then TERM, and KILL two seconds later. A program that cannot be started has `exitCode` null. */
export function run(command: readonly [string, ...string[]], options: RunOptions): Promise<CommandReport> {
  const { signal, timeoutMs, cwd, env = plainEnvironment, maxOutputBytes = 4 * 1024 * 1024, input } = options;
  const report: CommandReport = { command, exitCode: null, stdout: "", stderrTail: "", timedOut: false };
  return new Promise((resolve) => {
    if (signal.aborted) return resolve({ ...report, stderrTail: "not started: cancelled" });
    const [program, ...words] = command;
    const child = spawn(program, words, {
      cwd,
      env: { ...env },
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    const out: Buffer[] = [];
    let outBytes = 0;
    let tail = Buffer.alloc(0);
    let killer: NodeJS.Timeout | undefined;
    const stop = () => {
      child.kill("SIGTERM");
      killer ??= setTimeout(() => child.kill("SIGKILL"), killGraceMs);
    };
    const limit = setTimeout(() => {
      report.timedOut = true;
      stop();
    }, timeoutMs);
    signal.addEventListener("abort", stop, { once: true });
    child.stdout?.on("data", (chunk: Buffer) => {
      if (outBytes < maxOutputBytes) out.push(chunk.subarray(0, maxOutputBytes - outBytes));
      outBytes += chunk.length;
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      tail = Buffer.concat([tail, chunk]).subarray(-tailBytes);
    });
    child.stdin?.on("error", () => undefined);
    if (input !== undefined) child.stdin?.end(input);

    const finish = (exitCode: number | null, why = "") => {
      clearTimeout(limit);
      clearTimeout(killer);
      signal.removeEventListener("abort", stop);
      // A grandchild that keeps the pipes open does not hold us.
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve({
        ...report,
        exitCode,
        stdout: Buffer.concat(out).toString("utf8"),
        stderrTail: tail.toString("utf8") + why,
      });
    };
    child.once("error", (error) => finish(null, error.message));
    child.once("exit", (code) => {
      // What it wrote last is read before the pipes are closed.
      const settle = setTimeout(() => finish(code), 200);
      child.once("close", () => {
        clearTimeout(settle);
        finish(code);
      });
    });
  });
}
