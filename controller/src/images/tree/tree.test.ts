import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, link, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { chunkBytes, type FileHash, hashTree } from "./hash.js";
import { placeInside, replaceFile } from "./place.js";
import { isSettled, isUnchanged } from "./sweep.js";
import { type Stamp, UnfitTree, walkTree } from "./walk.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "convirt-tree-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const forgetful = { recall: () => undefined, keep: () => undefined };
const sha = (data: string | Buffer) => createHash("sha256").update(data).digest();

describe("hashTree()", () => {
  test("gives the digest that staging.proto defines", async () => {
    await mkdir(join(root, "custom_scripts"));
    await writeFile(join(root, "image.conf"), "a = 1\n");
    await writeFile(join(root, "custom_scripts", "z"), "#!/bin/sh\n");
    await chmod(join(root, "custom_scripts", "z"), 0o700);
    await writeFile(join(root, "B"), "");
    const tree = await hashTree("Tiny", await walkTree(root), forgetful);
    const manifest = [
      `0644 0 ${sha("").toString("hex")} B\n`,
      `0755 10 ${sha("#!/bin/sh\n").toString("hex")} custom_scripts/z\n`,
      `0644 6 ${sha("a = 1\n").toString("hex")} image.conf\n`,
    ].join("");
    expect(tree.digest).toBe(sha(manifest).toString("hex"));
    expect(tree.bytes).toBe(16);
  });

  test.each([0, 1, chunkBytes, chunkBytes + 1, 4 * chunkBytes, 9 * chunkBytes + 5])(
    "hashes the chunks of %i bytes",
    async (size) => {
      const data = Buffer.alloc(size);
      for (let at = 0; at < size; at += 7) data[at] = at % 251;
      await writeFile(join(root, "disk.img"), data);
      const [file] = (await hashTree("Tiny", await walkTree(root), forgetful)).files;
      expect(file?.sha256).toEqual(sha(data));
      const chunks = Array.from({ length: Math.ceil(size / chunkBytes) }, (_, i) =>
        sha(data.subarray(i * chunkBytes, (i + 1) * chunkBytes)),
      );
      expect(file?.chunkHashes).toEqual(Buffer.concat(chunks));
    },
  );

  test("reads no file whose hash is remembered", async () => {
    await writeFile(join(root, "a"), "x");
    const kept: FileHash = { sha256: sha("other"), chunkHashes: Buffer.alloc(0) };
    const tree = await hashTree("Tiny", await walkTree(root), { recall: () => kept, keep: () => undefined });
    expect(tree.files[0]?.sha256).toEqual(sha("other"));
  });

  test("reads a large file that was written this moment when its hash can be kept, and not for nothing", async () => {
    await writeFile(join(root, "disk.img"), Buffer.alloc(17 * 1024 * 1024));
    const kept: boolean[] = [];
    const keep = (_path: string, stamp: Stamp, _hash: FileHash, begunMs: number) =>
      void kept.push(isSettled([stamp], begunMs));
    await hashTree("Tiny", await walkTree(root), { recall: () => undefined, keep });
    expect(kept).toEqual([true]);
  });
});

describe("walkTree()", () => {
  test.each([
    ["a symbolic link", (at: string) => symlink("/etc/passwd", at)],
    ["a link to a folder", (at: string) => symlink("/etc", at)],
    ["a named pipe", async (at: string) => void execFileSync("mkfifo", [at])],
    ["a hard link", (at: string) => link(join(root, "image.conf"), at)],
  ])("refuses %s and names it", async (_what, make) => {
    await writeFile(join(root, "image.conf"), "");
    await make(join(root, "odd"));
    const error = await walkTree(root).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UnfitTree);
    expect((error as UnfitTree).message).toMatch(/odd|image\.conf/);
  });

  test("refuses a socket", async () => {
    const server = createServer().listen(join(root, "socket"));
    try {
      await expect(walkTree(root)).rejects.toThrow("socket");
    } finally {
      server.close();
    }
  });

  test("refuses a root that is a link", async () => {
    await mkdir(join(root, "real"));
    await symlink(join(root, "real"), join(root, "link"));
    await expect(walkTree(join(root, "link"))).rejects.toBeInstanceOf(UnfitTree);
  });
});

describe("isUnchanged()", () => {
  test.each([
    ["a file of the same size and mtime written over", () => writeFile(join(root, "d", "f"), "other")],
    ["a new file", () => writeFile(join(root, "d", "new"), "")],
    ["a removed file", () => rm(join(root, "d", "f"))],
    ["another mode", () => chmod(join(root, "d", "f"), 0o755)],
  ])("tells %s", async (_what, change) => {
    await mkdir(join(root, "d"));
    await writeFile(join(root, "d", "f"), "first");
    await utimes(join(root, "d", "f"), 1, 1);
    await utimes(join(root, "d"), 1, 1);
    const found = await walkTree(root);
    expect(await isUnchanged(found)).toBe(true);
    // The kernel stamps by its clock tick; wait until one has passed.
    const before = found.folders[0]?.stamp.ctimeNs ?? 0n;
    while (BigInt(Date.now()) * 1_000_000n < before + 20_000_000n) await new Promise(setImmediate);
    await change();
    await utimes(join(root, "d", "f"), 1, 1).catch(() => undefined);
    expect(await isUnchanged(found)).toBe(false);
  });
});

describe("placeInside()", () => {
  test.each([
    "../x",
    "/etc/passwd",
    "a/../../x",
    "",
    ".",
    "a//b",
    "a/./b",
    "a\\b",
    "a\nb",
    `${"x/".repeat(40)}y`,
    "a\u0000b",
  ])("refuses the path %j", async (path) => {
    await expect(placeInside(root, path)).rejects.toBeInstanceOf(UnfitTree);
  });

  test("refuses a way through a link", async () => {
    await symlink("/etc", join(root, "link"));
    await expect(placeInside(root, "link/passwd")).rejects.toBeInstanceOf(UnfitTree);
    await expect(placeInside(root, "link/new/deep")).rejects.toBeInstanceOf(UnfitTree);
  });

  test("takes a file of a folder that is yet to be made", async () => {
    expect(await placeInside(root, "new/deep/file")).toBe(join(root, "new/deep/file"));
  });
});

describe("replaceFile()", () => {
  test("refuses to replace a link or a folder", async () => {
    await symlink("/etc/passwd", join(root, "link"));
    await mkdir(join(root, "folder"));
    await expect(replaceFile(join(root, "link"), Buffer.from("x"), 0o644)).rejects.toBeInstanceOf(UnfitTree);
    await expect(replaceFile(join(root, "folder"), Buffer.from("x"), 0o644)).rejects.toBeInstanceOf(UnfitTree);
  });
});
