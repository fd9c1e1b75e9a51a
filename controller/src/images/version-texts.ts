// Which texts of an image are kept with a version of it, and reads them from the disk. What is kept is what can be shown and is worth comparing:
// small texts, the image's own files first. Of everything else the version has the digest, the size and the mode alone.
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Kept } from "./image.entity.js";
import { textFiles } from "./tree/archive/limits.js";
import type { Tree, TreeFile } from "./tree/hash.js";
import { readPlain, textOf } from "./tree/place.js";
import { UnfitTree } from "./tree/walk.js";

/** Of one file. */
export const mostTextBytes = 256 * 1024;
/** Of one version, in all. */
export const mostVersionBytes = 2 * 1024 * 1024;
/** Of one version, whether they turn out to be text or not. */
const mostTexts = 500;

/** For each path, whether the file is to be looked at, or why it is not. */
export function chosenTexts(files: readonly TreeFile[]): Map<string, "look" | Exclude<Kept, "text" | "binary">> {
  const chosen = new Map<string, "look" | "too_large" | "beyond_limit">();
  let bytes = 0;
  let count = 0;
  for (const { path, size } of [...files].sort(
    (a, b) => Number(textFiles.has(b.path)) - Number(textFiles.has(a.path)),
  )) {
    if (size > mostTextBytes) chosen.set(path, "too_large");
    else if (count === mostTexts || bytes + size > mostVersionBytes) chosen.set(path, "beyond_limit");
    else {
      bytes += size;
      count += 1;
      chosen.set(path, "look");
    }
  }
  return chosen;
}

/** The file's text; "binary" when it is none, undefined when the file is not what was hashed any more. */
export async function textAsHashed(tree: Tree, file: TreeFile): Promise<{ text: string } | "binary" | undefined> {
  try {
    const read = await readPlain(join(tree.root, file.path), mostTextBytes);
    if (read === undefined || !createHash("sha256").update(read.bytes).digest().equals(file.sha256)) return undefined;
    return textIn(file.path, read.bytes);
  } catch (error) {
    // It was a plain file of that size when it was hashed.
    if (error instanceof UnfitTree) return undefined;
    throw error;
  }
}

function textIn(path: string, bytes: Buffer): { text: string } | "binary" {
  try {
    return { text: textOf(path, bytes) };
  } catch (error) {
    if (error instanceof UnfitTree) return "binary";
    throw error;
  }
}
