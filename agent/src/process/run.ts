// Runs a program of the host with limits: an argument array and never a shell, an environment that is given and never inherited, a time limit, and no more
// output kept than asked for. A program that fails is an answer, not an exception; one that not even KILL ends (it hangs in the kernel) is left behind.
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

/**
 * Runs to the end, or until the limit or the signal: then TERM, and KILL two seconds later. Never throws: a program that cannot be started, or that a signal
 * ended, has `exitCode` null and says why at the end of `stderrTail`.
 */
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
    const timers: NodeJS.Timeout[] = [];
    const stop = () => {
      child.kill("SIGTERM");
      timers.push(
        setTimeout(() => child.kill("SIGKILL"), killGraceMs),
        setTimeout(() => {
          child.unref();
          finish(null, "it does not end, not even by SIGKILL");
        }, 2 * killGraceMs),
      );
    };
    const limit = setTimeout(() => {
      report.timedOut = true;
      stop();
    }, timeoutMs);
    timers.push(limit);
    signal.addEventListener("abort", stop, { once: true });
    child.stdout?.on("data", (chunk: Buffer) => {
      if (outBytes < maxOutputBytes) out.push(chunk.subarray(0, maxOutputBytes - outBytes));
      outBytes += chunk.length;
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      tail = Buffer.concat([tail, chunk]).subarray(-tailBytes);
    });
    // A program may end before it has read its input: its exit code says what that means.
    child.stdin?.on("error", () => undefined);
    if (input !== undefined) child.stdin?.end(input);

    const finish = (exitCode: number | null, why = "") => {
      for (const timer of timers) clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      // A grandchild that keeps the pipes open does not hold us.
      child.stdout?.destroy();
      child.stderr?.destroy();
      const said = tail.toString("utf8");
      resolve({
        ...report,
        exitCode,
        stdout: Buffer.concat(out).toString("utf8"),
        stderrTail: why === "" ? said : `${said}${said === "" || said.endsWith("\n") ? "" : "\n"}${why}`,
      });
    };
    child.once("error", (error) => finish(null, error.message));
    child.once("exit", (code, killedBy) => {
      const why = killedBy === null ? "" : `ended by ${killedBy}`;
      // What it wrote last is read before the pipes are closed.
      timers.push(setTimeout(() => finish(code, why), 200));
      child.once("close", () => finish(code, why));
    });
  });
}
