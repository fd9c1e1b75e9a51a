// One controller to a database. A second one on the same file would take up the same jobs; so the first holds an exclusive lock on a small database beside it for
// as long as it lives, which the system drops when the process dies, however it dies.
import { readFileSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";

export class AnotherController extends Error {
  override readonly name = "AnotherController";
}

/** Takes the lock, or throws AnotherController and says who has it. Returns how to let go. */
export function lockDatabase(path: string): () => void {
  const lock = new Database(`${path}.lock`, { timeout: 200 });
  try {
    lock.pragma("locking_mode = EXCLUSIVE");
    lock.exec("BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (at TEXT)");
  } catch (error) {
    lock.close();
    if ((error as { code?: string }).code !== "SQLITE_BUSY") throw error;
    throw new AnotherController(
      `Cannot use ${path}: another controller (process ${holder(path)}) works on it. Stop that one first; two would provision twice.`,
    );
  }
  writeFileSync(`${path}.pid`, `${process.pid}\n`);
  return () => lock.close();
}

function holder(path: string): string {
  try {
    return readFileSync(`${path}.pid`, "utf8").trim();
  } catch {
    return "unknown";
  }
}
