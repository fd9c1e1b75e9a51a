// Asks bash whether a script is well formed. `bash -n` reads and never runs; the text goes in by standard input, nothing of it as an argument.
import { execFile } from "node:child_process";

export interface ShellError {
  file: string;
  line: number;
  message: string;
}

/** What `bash -n` finds wrong in `script`, at most 20 findings; empty when it is well formed or no bash is here to ask. */
export function checkShell(file: string, script: string): Promise<ShellError[]> {
  return new Promise((resolve, reject) => {
    const options = { timeout: 2000, killSignal: "SIGKILL" as const, maxBuffer: 64 * 1024, env: {}, cwd: "/" };
    const child = execFile("/bin/bash", ["--norc", "--noprofile", "-n"], options, (error, _stdout, stderr) => {
      if (error === null || error.code === "ENOENT") resolve([]);
      else if (error.killed === true) resolve([{ file, line: 1, message: "bash could not read it within 2 seconds" }]);
      // Enough nesting overflows bash's own stack: that is the script's fault as well.
      else if (error.signal) resolve([{ file, line: 1, message: `bash broke off reading it (${error.signal})` }]);
      else if (typeof error.code === "number") resolve(findings(file, stderr));
      else reject(error);
    });
    // bash may end at the first fault without reading the rest.
    child.stdin?.on("error", () => {});
    child.stdin?.end(script);
  });
}

function findings(file: string, stderr: string): ShellError[] {
  const found: ShellError[] = [];
  for (const line of stderr.split("\n")) {
    const match = /line (\d+): (.*)$/.exec(line);
    if (match !== null && found.length < 20)
      found.push({ file, line: Number(match[1]), message: (match[2] ?? "").slice(0, 300) });
  }
  return found.length > 0 ? found : [{ file, line: 1, message: stderr.trim().slice(0, 300) || "bash refuses it" }];
}
