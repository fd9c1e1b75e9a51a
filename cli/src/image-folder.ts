// An image's folder as lint and render want it: its text files with their modes, and what `bash -n` says of its scripts.
import { spawnSync } from "node:child_process";
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { CommandFailed, exitCodes } from "./exit.js";

export interface ImageFolder {
  name: string;
  files: Map<string, { text: string; executable: boolean }>;
  shellErrors: { file: string; line: number; message: string }[];
}

/** The two that make a folder an image: whatever they hold is for the evaluator to judge. */
const configFiles: ReadonlySet<string> = new Set(["image.conf", "vm_conf.template"]);
const largestText = 1024 * 1024;
const mostFiles = 10_000;
const bashLimitMs = 5_000;

/** Reads the folder; throws CommandFailed when it is none. Links and special files are left out, as an image may hold none. */
export function readImageFolder(dir: string): ImageFolder {
  const whole = resolve(dir);
  if (!statSync(whole).isDirectory())
    throw new CommandFailed(exitCodes.refused, `Cannot read image "${dir}": it is not a folder.`);
  const files: ImageFolder["files"] = new Map();
  const shellErrors: ImageFolder["shellErrors"] = [];
  for (const path of readdirSync(whole, { recursive: true, encoding: "utf8" }).sort().slice(0, mostFiles)) {
    const stat = lstatSync(join(whole, path));
    if (!stat.isFile()) continue;
    if (stat.size > largestText && !configFiles.has(path)) continue;
    const bytes = stat.size > largestText ? beginningOf(join(whole, path)) : readFileSync(join(whole, path));
    if (bytes.includes(0) && !configFiles.has(path)) continue;
    const text = bytes.toString("utf8");
    files.set(path, { text, executable: (stat.mode & 0o111) !== 0 });
    if (/^#!.*\bbash\b/.test(text.slice(0, 100))) shellErrors.push(...bashErrors(path, bytes));
  }
  return { name: basename(whole), files, shellErrors };
}

/** Enough of a file that is too long for the evaluator to see that it is. */
function beginningOf(path: string): Buffer {
  const bytes = Buffer.alloc(4 * largestText + 1);
  const file = openSync(path, "r");
  try {
    return bytes.subarray(0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
}

/** `bash -n` reads and does not run; the script goes to its standard input, so that no name of a file can become an option. */
function bashErrors(file: string, script: Buffer): ImageFolder["shellErrors"] {
  const done = spawnSync("bash", ["-n"], {
    input: script,
    env: { LC_ALL: "C" },
    timeout: bashLimitMs,
    encoding: "utf8",
  });
  if (done.error !== undefined || done.status === 0) return [];
  return done.stderr
    .split("\n")
    .map((line) => /^bash: line (\d+): (.*)$/.exec(line))
    .filter((match) => match !== null)
    .slice(0, 1)
    .map((match) => ({ file, line: Number(match[1]), message: match[2] ?? "" }));
}
