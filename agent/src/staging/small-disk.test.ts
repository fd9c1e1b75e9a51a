// Staging onto a file system of its own that is full, or read-only: mounting one needs root.
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Tree } from "@convirt/proto/staging";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { temporaryFolder } from "../testing.js";
import type { Staging } from "./staging.js";
import { closeStagings, openStaging } from "./testing.js";
import { chunkBytes, treeDigest } from "./tree.js";

const mib = 1024 * 1024;
const isRoot = process.getuid?.() === 0;
const never = new AbortController().signal;
const sha256 = (data: Buffer) => createHash("sha256").update(data).digest();

let folder: ReturnType<typeof temporaryFolder>;
let store: string;
let staging: Staging;

beforeEach(() => {
  folder = temporaryFolder();
  store = join(folder.path, "store");
  mkdirSync(store);
  if (isRoot) execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "convirt-test", store]);
  staging = openStaging(folder.path);
});
afterEach(async () => {
  await closeStagings();
  if (isRoot) execFileSync("umount", ["--lazy", store]);
  folder.remove();
});

const data = randomBytes(4 * mib);

function treeOf(content: Buffer): Tree {
  const tree = {
    name: "Image",
    digest: "",
    files: [{ path: "disk.img", mode: 0o644, size: BigInt(content.length), sha256: sha256(content) }],
  };
  return { ...tree, digest: treeDigest(tree) };
}

/** Offers the tree; the numbers of the chunks that are lacking. */
async function offer(tree: Tree, content: Buffer): Promise<number[]> {
  await staging.offer({ name: tree.name, digest: tree.digest, tree });
  const hashes = Array.from({ length: Math.ceil(content.length / chunkBytes) }, (_, index) =>
    sha256(content.subarray(index * chunkBytes, (index + 1) * chunkBytes)),
  );
  const question = { treeDigest: tree.digest, name: tree.name, file: 0, chunkHashes: Buffer.concat(hashes) };
  const { needed } = await staging.offerChunks(question);
  return needed.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, index) => first + index));
}

async function upload(tree: Tree, content: Buffer, chunks: readonly number[]): Promise<void> {
  async function* messages() {
    for (const chunk of chunks)
      yield {
        treeDigest: tree.digest,
        name: tree.name,
        file: 0,
        chunk,
        data: content.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes),
      };
  }
  await staging.upload(messages());
}

describe.runIf(isRoot)("a store on a small disk", () => {
  test("takes no tree for which there is no room, and says how much there is and how much is needed", async () => {
    writeFileSync(join(store, "other"), Buffer.alloc(6 * mib));
    const tree = treeOf(data);
    await expect(staging.offer({ name: "Image", digest: tree.digest, tree })).rejects.toMatchObject({
      code: "no_space",
      message: 'Cannot stage image "Image": 18.0 MiB free, 20.0 MiB needed',
    });
    expect(readdirSync(store)).toEqual(["other"]);
  });

  test("that fills up in the middle refuses the upload; when there is room again the rest comes, and the tree is whole", async () => {
    const tree = treeOf(data);
    const all = await offer(tree, data);
    await upload(tree, data, all.slice(0, 4));
    const other = join(store, "other");
    execFileSync("sh", ["-c", `cat /dev/zero >'${other}' 2>/dev/null || true`]);

    await expect(upload(tree, data, all.slice(4))).rejects.toMatchObject({
      code: "no_space",
      message: expect.stringContaining("the disk is full"),
    });
    await expect(staging.commit({ name: "Image", treeDigest: tree.digest }, never)).rejects.toMatchObject({
      code: "bad_request",
    });
    expect(readdirSync(store).sort()).toEqual([".convirt-parts", "other"]);

    rmSync(other);
    const rest = await offer(tree, data);
    expect(rest.slice(-12)).toEqual(all.slice(4).slice(-12));
    expect(rest).not.toContain(0);
    await upload(tree, data, rest);
    await staging.commit({ name: "Image", treeDigest: tree.digest }, never);
    expect(readFileSync(join(store, "Image/disk.img")).equals(data)).toBe(true);
  });

  test("needs no second room for what an upload that was cut has brought already", async () => {
    const tree = treeOf(data);
    await upload(tree, data, (await offer(tree, data)).slice(0, 15));
    writeFileSync(join(store, "other"), Buffer.alloc(3 * mib + mib / 2));
    expect(await offer(tree, data)).toEqual([15]);
  });

  test("that is read-only refuses, and says so", async () => {
    execFileSync("mount", ["-o", "remount,ro", store]);
    await expect(offer(treeOf(data), data)).rejects.toMatchObject({
      code: "no_space",
      message: `Cannot write ${store}: the file system is read-only`,
    });
  });
});
