import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { root } from "./steps.mjs";

/** Which of these files of the project are shell: by their first line, for most of ours have no ending. */
export function shellFiles(paths) {
  const start = Buffer.alloc(64);
  return paths.filter((path) => {
    const whole = join(root, path);
    if (!statSync(whole, { throwIfNoEntry: false })?.isFile()) return false;
    const file = openSync(whole, "r");
    const length = readSync(file, start, 0, start.length, 0);
    closeSync(file);
    const firstLine = start.toString("latin1", 0, length).split("\n")[0];
    return /^#!.*\b(ba|da)?sh\b/.test(firstLine) || /^# shellcheck shell=/.test(firstLine);
  });
}
