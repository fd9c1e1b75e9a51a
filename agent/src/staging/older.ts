// The version of a file that is on this host when a new one comes. What is the same in both is not sent, and is not copied either where that can be spared: on a file
// system that shares blocks the new version begins as a clone, and elsewhere the few chunks that changed are written into the file itself, if nobody has it open.
import { constants } from "node:fs";
import { copyFile, type FileHandle, open, rm } from "node:fs/promises";
import { leaseAlone } from "../disk/lease.js";
import { Refusal } from "../errors/errors.js";
import { looksOf, looksOfStat } from "./record.js";

export interface Older {
  path: string;
  /** Hashes of its chunks, joined. */
  chunks: Buffer;
  /** How it looked when they were true. */
  looks: string;
}

/** Bytes [start, end) of a file. */
export interface Span {
  start: number;
  end: number;
}

const bufferBytes = 1024 * 1024;
/** More is not written in place: whoever wants to open the file waits meanwhile. */
const mostPatchedBytes = 256 * 1024 * 1024;
/** Less is copied faster than perl starts. */
const leastBytes = 16 * 1024 * 1024;

/** Makes `part` share the older version's blocks; false, and no `part`, when the file system cannot, or the file was replaced meanwhile. */
export async function clone(older: Older, part: string): Promise<boolean> {
  try {
    await copyFile(older.path, part, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
  } catch {
    // Which error says so differs by file system, and a real one comes back with the bytes that are written next.
    await rm(part, { force: true });
    return false;
  }
  if ((await looksOf(older.path)) === older.looks) return true;
  await rm(part);
  return false;
}

/** Copies those bytes of the older version to their places in `part`. Throws a Refusal when the older version is not what it was. */
export async function fill(older: Older, part: FileHandle, spans: readonly Span[]): Promise<void> {
  const from = await open(older.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => {
    throw new ChangedMeanwhile(older.path);
  });
  try {
    await transfer(from, part, spans);
    if (looksOfStat(await from.stat({ bigint: true })) !== older.looks) throw new ChangedMeanwhile(older.path);
  } finally {
    await from.close();
  }
}

/** Somebody on the host, or another version, has replaced what was counted on: the tree is to be offered anew. */
export class ChangedMeanwhile extends Refusal {
  constructor(path: string) {
    super("not_found", `Cannot use ${path}: it has changed on this host meanwhile; offer the tree again`);
  }
}

/** Whether the older version may become the new one of `size` bytes by so many that are written into it. */
export function isWorthPatching(size: number, patchedBytes: number): boolean {
  return size > leastBytes && patchedBytes <= Math.min(mostPatchedBytes, size / 2);
}

/**
 * The older version, open for writing, and nobody else can open it until it is closed. Undefined when it is not as it was, has a second name, or somebody has it
 * open, a guest that runs from it above all: then it is not to be written to.
 */
export async function openAlone(older: Older): Promise<FileHandle | undefined> {
  // A program that runs cannot be opened for writing, and that is an answer too.
  const file = await open(older.path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  if (file === undefined) return undefined;
  let isOurs = false;
  try {
    const stat = await file.stat({ bigint: true });
    isOurs = stat.nlink === 1n && looksOfStat(stat) === older.looks && (await leaseAlone(file.fd));
  } finally {
    if (!isOurs) await file.close();
  }
  return isOurs ? file : undefined;
}

/** Writes those bytes of `part` into `target`, and gives it its size and mode. */
export async function patch(
  target: FileHandle,
  part: FileHandle,
  { spans, size, mode }: { spans: readonly Span[]; size: number; mode: number },
): Promise<void> {
  await transfer(part, target, spans);
  await target.truncate(size);
  await target.chmod(mode);
}

async function transfer(from: FileHandle, to: FileHandle, spans: readonly Span[]): Promise<void> {
  const buffer = Buffer.allocUnsafe(bufferBytes);
  for (const { start, end } of spans)
    for (let at = start; at < end; ) {
      const { bytesRead } = await from.read(buffer, 0, Math.min(bufferBytes, end - at), at);
      if (bytesRead === 0) throw new Error(`The file ended at ${at} of ${end} bytes`);
      for (let written = 0; written < bytesRead; )
        written += (await to.write(buffer, written, bytesRead - written, at + written)).bytesWritten;
      at += bytesRead;
    }
}
