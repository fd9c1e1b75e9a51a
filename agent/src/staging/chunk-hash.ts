// Whether chunks are what was promised: asked by the main thread for small files and by the thread that writes large ones.
import { createHash } from "node:crypto";

const hashBytes = 32;

/** The first of the chunks that follow each other in `data` that has not its hash of `hashes` (SHA-256, joined): its number, and the hash that it has. */
export function firstMismatch(
  data: Uint8Array,
  chunkBytes: number,
  hashes: Uint8Array,
): { chunk: number; hash: string } | undefined {
  for (let at = 0, chunk = 0; at < data.length; at += chunkBytes, chunk += 1) {
    const hash = createHash("sha256")
      .update(data.subarray(at, at + chunkBytes))
      .digest();
    if (!hash.equals(hashes.subarray(chunk * hashBytes, (chunk + 1) * hashBytes)))
      return { chunk, hash: hash.toString("hex") };
  }
  return undefined;
}
