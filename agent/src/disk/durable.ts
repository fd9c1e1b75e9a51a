// Files that a power cut must not take, and what a disk that is full or read-only says. Written beside, synced, renamed: a reader sees the old or the new whole.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** The file is on the disk when this returns, and so is its name once the folder was synced. */
export function writeSynced(path: string, data: string | Uint8Array): void {
  try {
    // Not by the option `flush`, which Node 18 passes over in silence.
    const file = openSync(`${path}.new`, "w", 0o600);
    try {
      writeFileSync(file, data);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(`${path}.new`, path);
  } catch (error) {
    rmSync(`${path}.new`, { force: true });
    throw error;
  }
}

/** Behind what is there; on the disk when this returns. */
export function appendSynced(path: string, data: string): void {
  const file = openSync(path, "a", 0o600);
  try {
    writeFileSync(file, data);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

export function syncFolder(folder: string): void {
  const file = openSync(folder, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

export function writeDurably(path: string, data: string | Uint8Array): void {
  writeSynced(path, data);
  syncFolder(dirname(path));
}

/** By rename, so that a link in its place is replaced and never followed; a disk that is full leaves what was there. */
export function put(path: string, text: string): void {
  try {
    writeFileSync(`${path}.convirt-new`, text, { mode: 0o640 });
    renameSync(`${path}.convirt-new`, path);
  } catch (error) {
    rmSync(`${path}.convirt-new`, { force: true });
    throw error;
  }
}

const troubles: Readonly<Record<string, string>> = {
  ENOSPC: "there is no space left",
  EDQUOT: "the quota is used up",
  EROFS: "the file system is read-only",
};

/** What a disk says that takes nothing more, in words; undefined for any other error. */
export function diskTrouble(error: unknown): string | undefined {
  return troubles[(error as NodeJS.ErrnoException | undefined)?.code ?? ""];
}
