// How long a job's log may be on its host. Past the limit it is closed with a line that says so, and what is written behind is taken off again, as often as it must be:
// twice a second by the agent, and every few seconds by the script's runner, which is there when no agent is. Doing it twice changes nothing.
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

const mibBytes = 1024 * 1024;
const lookMs = 500;
/** So often the runner is told that a log which grows is watched: oftener than it looks itself. */
const tellMs = 2_000;

/** The line that ends a log which was cut. */
export function cutMark(logMib: number): string {
  return `\n--- The log was cut here, at ${logMib} MiB: this host keeps no more of one (limits.log_mib). The script went on. ---\n`;
}

/** How long a log of this size is for its readers: what is behind the limit comes and goes until the cut is made. `folder`: the job's. */
export function readableBytes(folder: string, size: number, logMib: number): { bytes: number; isCut: boolean } {
  const limit = logMib * mibBytes;
  if (size <= limit) return { bytes: size, isCut: false };
  return existsSync(join(folder, "cut"))
    ? { bytes: limit + statSync(join(folder, "mark")).size, isCut: true }
    : { bytes: limit, isCut: false };
}

/** Keeps the log of a running script within its limit until `over`; tells what the disk says against it. `folder`: the job's. */
export function keepWithin(
  path: string,
  { folder, logMib, over }: { folder: string; logMib: number; over: AbortSignal },
  onError: (error: unknown) => void,
): void {
  if (over.aborted) return;
  let seen = 0;
  let told = 0;
  const timer = setInterval(() => {
    try {
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      if (size > logMib * mibBytes) cut(path, folder, logMib);
      if (size !== seen && performance.now() - told >= tellMs) {
        touch(join(folder, "watched"));
        told = performance.now();
      }
      seen = size;
    } catch (error) {
      onError(error);
    }
  }, lookMs);
  over.addEventListener("abort", () => clearInterval(timer), { once: true });
}

function cut(path: string, folder: string, logMib: number): void {
  const limit = logMib * mibBytes;
  const mark = readFileSync(join(folder, "mark"));
  const file = openSync(path, "r+");
  try {
    const isCut = existsSync(join(folder, "cut"));
    if (isCut && fstatSync(file).size <= limit + mark.length) return;
    writeSync(file, mark, 0, mark.length, limit);
    ftruncateSync(file, limit + mark.length);
    if (!isCut) closeSync(openSync(join(folder, "cut"), "w"));
  } finally {
    closeSync(file);
  }
}

function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    writeFileSync(path, "");
  }
}
