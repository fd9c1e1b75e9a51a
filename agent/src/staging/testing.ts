// Trees as a controller brings them, for the tests of this room.
import { createHash } from "node:crypto";
import type { Tree } from "@convirt/proto/staging";
import { Handlers } from "../server/handlers.js";
import { silentLog, testConfig } from "../testing.js";
import { Staging } from "./staging.js";
import { chunkBytes, treeDigest } from "./tree.js";

const opened = new Set<Staging>();

/** A Staging as after a start of the agent: what it knows is what is on the disk, below `folder`. */
export function openStaging(folder: string, Made = Staging): Staging {
  const staging = new Made({ config: testConfig(folder, "xl"), log: silentLog, handlers: new Handlers(silentLog) });
  opened.add(staging);
  return staging;
}

/** After each test: what was cut, or never committed, has files open. */
export async function closeStagings(): Promise<void> {
  for (const staging of opened) await staging.close();
  opened.clear();
}

/** A tree's files by their paths. */
export type Files = Record<string, string | Buffer>;
export const sha256 = (data: string | Buffer) => createHash("sha256").update(data).digest();

export function treeOf(files: Files, name = "Image"): Tree {
  const entries = Object.entries(files)
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([path, data]) => ({
      path,
      mode: path.endsWith(".sh") ? 0o755 : 0o644,
      size: BigInt(Buffer.byteLength(data)),
      sha256: sha256(data),
    }));
  const tree = { name, digest: "", files: entries };
  return { ...tree, digest: treeDigest(tree) };
}

function chunksOf(data: string | Buffer): Buffer[] {
  const bytes = Buffer.from(data);
  return Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, index) =>
    bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes),
  );
}

/** Offers the tree and its chunks; the messages that would bring what is lacking. */
export async function lackingOf(to: Staging, tree: Tree, files: Files) {
  const { answer } = await to.offer({ name: tree.name, digest: tree.digest, tree });
  const messages: { treeDigest: string; name: string; file: number; chunk: number; data: Buffer }[] = [];
  if (answer?.$case !== "filesNeeded") return messages;
  for (const file of answer.value.files) {
    const chunks = chunksOf(files[tree.files[file]?.path ?? ""] ?? "");
    const { needed } = await to.offerChunks({
      treeDigest: tree.digest,
      name: tree.name,
      file,
      chunkHashes: Buffer.concat(chunks.map(sha256)),
    });
    for (const { first, last } of needed)
      for (let chunk = first; chunk <= last; chunk += 1)
        messages.push({
          treeDigest: tree.digest,
          name: tree.name,
          file,
          chunk,
          data: chunks[chunk] ?? Buffer.alloc(0),
        });
  }
  return messages;
}

export async function* inTurn<T>(messages: readonly T[]): AsyncGenerator<T> {
  yield* messages;
}

/** Stages a version as the controller does; how many chunks it took. `cutAfter`: the upload fails after so many. */
export async function stageTree(
  to: Staging,
  files: Files,
  { name = "Image", cutAfter, beforeCommit }: { name?: string; cutAfter?: number; beforeCommit?: () => void } = {},
): Promise<{ tree: Tree; sent: number }> {
  const tree = treeOf(files, name);
  const messages = await lackingOf(to, tree, files);
  async function* cut() {
    yield* messages.slice(0, cutAfter);
    throw new Error("the upload was cut");
  }
  await to.upload(cutAfter === undefined ? inTurn(messages) : cut());
  beforeCommit?.();
  await to.commit({ name, treeDigest: tree.digest }, new AbortController().signal);
  return { tree, sent: messages.length };
}
