// What is brought to a host: a tree, and of its files what the host lacks.
import type { ChunkRange } from "@convirt/proto/staging";

export const chunkBytes = 262_144;
/** Chunks in one message. */
export const messageChunks = 4;

/** A tree as the images' room gives it; `root` is absolute, digests as staging.proto defines them. */
export interface SendableTree {
  name: string;
  digest: string;
  bytes: number;
  root: string;
  files: { path: string; mode: number; size: number; sha256: Buffer; chunkHashes: Buffer }[];
}

/** The chunks of one file, by its number in the tree, that the host lacks. */
export interface NeededFile {
  file: number;
  ranges: ChunkRange[];
}

/** Told of bytes as they leave. */
export type Sent = (progress: { bytes: number; total: number }) => void;

export function bytesNeeded(tree: SendableTree, needed: readonly NeededFile[]): number {
  return needed.reduce((sum, { file, ranges }) => sum + bytesOf(tree.files[file]?.size ?? 0, ranges), 0);
}

function bytesOf(size: number, ranges: readonly ChunkRange[]): number {
  return ranges.reduce(
    (sum, { first, last }) => sum + Math.max(0, Math.min(size, (last + 1) * chunkBytes) - first * chunkBytes),
    0,
  );
}

/** A file became another between its hashing and its sending. */
export class ChangedSinceHashed extends Error {
  constructor(path: string) {
    super(`Cannot stage "${path}": it changed since it was hashed`);
    this.name = "ChangedSinceHashed";
  }
}
