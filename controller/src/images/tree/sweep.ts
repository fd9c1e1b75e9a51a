// Answers whether a tree is still as it was walked, by its stamps alone. This stands on the way of every provision request, so the usual
// image of a dozen files takes synchronous calls: they need microseconds each, a promise each would need more than the call itself.
import { lstatSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { type FoundTree, type Stamp, sameStamp, stampOf } from "./walk.js";

const synchronousUpTo = 200;

/** A file changed within this time before it was looked at may change again without its stamp telling (kernel clock ticks are 1 to 10 ms). */
const settlesAfterMs = 50;

/** How long from now until that can no longer be, at most. */
export function settlesInMs(stamp: Stamp): number {
  const ageMs = Date.now() - Number(stamp.ctimeNs / 1_000_000n);
  // By a clock that is ahead the file is of the future, and nothing is gained by waiting for it.
  return ageMs < 0 ? 0 : Math.max(0, settlesAfterMs + 1 - ageMs);
}

/** Whether no stamp of the tree is so young that a later change could carry the same one. */
export function isSettled(stamps: Iterable<Stamp>, lookedAtMs: number): boolean {
  for (const stamp of stamps) {
    if (Number(stamp.ctimeNs / 1_000_000n) > lookedAtMs - settlesAfterMs) return false;
  }
  return true;
}

/** Whether each folder and file of `found` still has its stamp; a missing one means no. */
export async function isUnchanged(found: FoundTree): Promise<boolean> {
  const entries = [...found.folders, ...found.files];
  if (entries.length <= synchronousUpTo) {
    return entries.every(({ path, stamp }) => {
      const stats = lstatSync(join(found.root, path), { bigint: true, throwIfNoEntry: false });
      return stats !== undefined && sameStamp(stampOf(stats), stamp);
    });
  }
  for (let first = 0; first < entries.length; first += synchronousUpTo) {
    const same = await Promise.all(
      entries.slice(first, first + synchronousUpTo).map((entry) => stillThere(found, entry)),
    );
    if (same.includes(false)) return false;
  }
  return true;
}

async function stillThere(found: FoundTree, entry: { path: string; stamp: Stamp }): Promise<boolean> {
  try {
    return sameStamp(stampOf(await lstat(join(found.root, entry.path), { bigint: true })), entry.stamp);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
