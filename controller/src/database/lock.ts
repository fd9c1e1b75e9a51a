// One controller to a database. A second one on the same file would take up the same jobs; so the first holds an exclusive lock on a small database beside it for
// as long as it lives, which the system drops when the process dies, however it dies. The lock stands beside the file itself, whatever path or link leads to it.
// It holds within one machine: on a file system that several machines share it may not, and neither would SQLite's own locks (docs/operating/backup.md).
import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import Database from "better-sqlite3";
import { CannotStart } from "../errors/cannot-start.js";

export class AnotherController extends CannotStart {
  override readonly name = "AnotherController";
}

const mostLinks = 40;

/** Takes the lock, or throws AnotherController and says who has it. Returns how to let go. */
export function lockDatabase(path: string): () => void {
  const file = whereItIs(path);
  if (existsSync(file) && statSync(file).nlink > 1)
    throw new AnotherController(
      `Cannot use ${path}: the file has ${statSync(file).nlink} names (hard links), and a controller that uses another of them could not be told from this one. Remove the others.`,
    );
  const lock = new Database(`${file}.lock`, { timeout: 200 });
  try {
    lock.pragma("locking_mode = EXCLUSIVE");
    lock.exec("BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (at TEXT)");
  } catch (error) {
    lock.close();
    if ((error as { code?: string }).code !== "SQLITE_BUSY") throw error;
    throw new AnotherController(
      `Cannot use ${path}: another controller (process ${holder(file)}) works on it. Stop that one first; two would provision twice.`,
    );
  }
  writeFileSync(`${file}.pid`, `${process.pid}\n`);
  return () => lock.close();
}

/** The file that the path leads to, also when it is not there yet. */
function whereItIs(path: string): string {
  let at = resolve(path);
  for (let links = 0; links < mostLinks; links += 1) {
    const plain = join(realpathSync(dirname(at)), basename(at));
    if (!lstatSync(plain, { throwIfNoEntry: false })?.isSymbolicLink()) return plain;
    at = resolve(dirname(plain), readlinkSync(plain));
  }
  throw new Error(`Cannot use ${path}: it is a link that leads nowhere`);
}

function holder(path: string): string {
  try {
    return readFileSync(`${path}.pid`, "utf8").trim();
  } catch {
    return "unknown";
  }
}
