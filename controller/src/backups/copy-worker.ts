// Copies the database in a thread of its own, on a connection of its own: a large one takes many seconds, and nobody else is to wait for them. The
// copy has a temporary name until it is verified, marked as a copy, and on the disk.
import { chmodSync, closeSync, fsyncSync, openSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";

export interface CopyOrder {
  database: string;
  /** A path that is not there; what is left under it by a failure is the caller's to remove. */
  partial: string;
  path: string;
  takenAt: string;
}
export type CopyNews = { kind: "done" } | { kind: "failed"; code: string | undefined; message: string };

const busyMs = 60_000;

function copy({ database, partial, path, takenAt }: CopyOrder): void {
  const source = new Database(database, { fileMustExist: true, timeout: busyMs });
  try {
    source.prepare("VACUUM INTO ?").run(partial);
  } finally {
    source.close();
  }
  chmodSync(partial, 0o600);
  const made = new Database(partial, { fileMustExist: true });
  try {
    made.prepare("INSERT OR REPLACE INTO restores (copy_taken_at, restored_at) VALUES (?, NULL)").run(takenAt);
    const found = made.pragma("integrity_check(10)") as { integrity_check: string }[];
    if (found.length !== 1 || found[0]?.integrity_check !== "ok")
      throw new Error(`the copy is not whole: ${found.map((row) => row.integrity_check).join("; ")}`);
    const broken = made.pragma("foreign_key_check") as unknown[];
    if (broken.length > 0) throw new Error(`the copy has ${broken.length} rows that refer to nothing`);
  } finally {
    made.close();
  }
  sync(partial);
  renameSync(partial, path);
  sync(dirname(path));
}

function sync(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function say(news: CopyNews): void {
  parentPort?.postMessage(news);
}

try {
  copy(workerData as CopyOrder);
  say({ kind: "done" });
} catch (error) {
  const { code, message } = error as Error & { code?: string };
  say({ kind: "failed", code, message });
}
