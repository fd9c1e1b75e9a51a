import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Tree } from "@convirt/proto/staging";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { temporaryFolder, testConfig } from "../testing.js";
import type { Staging } from "./staging.js";
import { closeStagings, type Files, inTurn, lackingOf, openStaging, sha256, stageTree, treeOf } from "./testing.js";
import { chunkBytes, treeDigest } from "./tree.js";

let folder: ReturnType<typeof temporaryFolder>;
let store: string;
let staging: Staging;

beforeEach(() => {
  folder = temporaryFolder();
  store = join(folder.path, "store");
  mkdirSync(store);
  staging = open();
});
afterEach(async () => {
  await closeStagings();
  folder.remove();
});

const never = new AbortController().signal;
const open = () => openStaging(folder.path);

const stage = async (files: Files, to: Staging = staging, name = "Image"): Promise<Tree> =>
  (await stageTree(to, files, { name })).tree;

/** What lies in a folder: paths with their contents. */
function contents(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) found[path.slice(root.length + 1)] = readFileSync(path, "latin1");
  }
  return found;
}
const staged = (name = "Image") => contents(join(store, name));
const isStaged = async (to: Staging, tree: Tree) =>
  (await to.offer({ name: tree.name, digest: tree.digest, tree: undefined })).answer?.$case === "staged";

describe("a tree that is staged", () => {
  test("lies in the store as it was offered, with its modes, and nothing beside it", async () => {
    const files = {
      "provision.sh": "#!/bin/sh\n",
      "custom_scripts/one/10-a.sh": "a",
      "image.conf": "",
      "big.img": randomBytes(chunkBytes * 2 + 1),
    };
    await stage(files);
    expect(staged()).toEqual(
      Object.fromEntries(Object.entries(files).map(([path, data]) => [path, data.toString("latin1")])),
    );
    expect(statSync(join(store, "Image/provision.sh")).mode & 0o777).toBe(0o755);
    expect(statSync(join(store, "Image/image.conf")).mode & 0o777).toBe(0o644);
    expect(readdirSync(join(store, ".convirt-parts"))).toEqual([]);
  });

  test("is known when it is offered again, and after the agent was started anew", async () => {
    const tree = await stage({ "image.conf": "a" });
    expect(await isStaged(staging, tree)).toBe(true);
    expect(await isStaged(open(), tree)).toBe(true);
    expect(await staging.lacking([tree, { name: "common", digest: "0" }])).toEqual([{ name: "common", digest: "0" }]);
  });

  test("is not taken for staged when somebody has changed a file of it since, and is mended by what is sent then", async () => {
    const files = { "image.conf": "a", other: "b" };
    const tree = await stage(files);
    writeFileSync(join(store, "Image/image.conf"), "x");
    expect(await isStaged(staging, tree)).toBe(false);
    expect((await lackingOf(staging, tree, files)).map((one) => tree.files[one.file]?.path)).toEqual(["image.conf"]);
    await stage(files);
    expect(staged()).toEqual(files);
  });

  test("loses what the next version does not hold, and only what is new is sent", async () => {
    const big = randomBytes(chunkBytes * 3);
    await stage({ keep: big, drop: "x", "folder/drop": "y" });
    const changed = Buffer.from(big);
    changed.write("changed", chunkBytes);
    const next = { keep: changed, same: "x" };
    const messages = await lackingOf(staging, treeOf(next), next);
    expect(messages.map((one) => [one.file, one.chunk])).toEqual([
      [0, 1],
      [1, 0],
    ]);
    await stage(next);
    expect(staged()).toEqual({ keep: changed.toString("latin1"), same: "x" });
    expect(existsSync(join(store, "Image/folder"))).toBe(false);
  });

  test("does not need to be sent chunks of zeros, and has no room taken by them", async () => {
    const disk = Buffer.alloc(chunkBytes * 40 + 3);
    randomBytes(chunkBytes).copy(disk, chunkBytes * 2);
    const messages = await lackingOf(staging, treeOf({ disk }), { disk });
    // The last is no whole chunk.
    expect(messages.map(({ chunk }) => chunk)).toEqual([2, 40]);
    await stage({ disk });
    expect(readFileSync(join(store, "Image/disk")).equals(disk)).toBe(true);
    expect(statSync(join(store, "Image/disk")).blocks * 512).toBeLessThan(chunkBytes * 3);
    // Zeros in the place of what was there are no holes: they are written.
    const wiped = { disk: Buffer.alloc(disk.length) };
    await stage(wiped);
    expect(readFileSync(join(store, "Image/disk")).equals(wiped.disk)).toBe(true);
  });

  test("may have a folder where the version before had a file, and a file where it had a folder", async () => {
    await stage({ a: "file", "b/c": "in a folder" });
    await stage({ "a/c": "in a folder", b: "file" });
    expect(staged()).toEqual({ "a/c": "in a folder", b: "file" });
  });

  test("gets new modes alone when only these changed", async () => {
    await stage({ run: "#!/bin/sh\n" });
    const tree = treeOf({ run: "#!/bin/sh\n" });
    const file = tree.files[0];
    if (file !== undefined) file.mode = 0o755;
    tree.digest = treeDigest(tree);
    expect(await lackingOf(staging, tree, { run: "#!/bin/sh\n" })).toEqual([]);
    await staging.commit({ name: "Image", treeDigest: tree.digest }, never);
    expect(statSync(join(store, "Image/run")).mode & 0o777).toBe(0o755);
  });
});

describe("what comes from outside", () => {
  const file = { mode: 0o644, size: 1n, sha256: sha256("a") };
  const offered = async (files: { path: string; mode?: number; sha256?: Buffer }[], name = "Image") => {
    const tree = { name, digest: "", files: files.map((one) => ({ ...file, ...one })) };
    await staging.offer({ name, digest: treeDigest(tree), tree: { ...tree, digest: treeDigest(tree) } });
  };

  test.each([
    ["../outside"],
    ["a/../../outside"],
    ["/etc/passwd"],
    [""],
    ["a//b"],
    ["./a"],
    ["a/"],
    ["a\nb"],
    ["a\0b"],
    ["x".repeat(256)],
    [`${"a/".repeat(600)}b`],
  ])("offer() refuses the path %j", async (path) => {
    await expect(offered([{ path }])).rejects.toMatchObject({ code: "bad_request" });
    expect(readdirSync(folder.path).sort()).toEqual(["state", "store"]);
  });

  test.each(["", ".", "..", ".convirt-parts", "a/b", "-x", "a b", "x".repeat(64)])(
    "offer() refuses the tree name %j",
    async (name) => {
      await expect(offered([{ path: "a" }], name)).rejects.toMatchObject({ code: "bad_request" });
      await expect(staging.commit({ name, treeDigest: "" }, never)).rejects.toMatchObject({ code: "bad_request" });
    },
  );

  test("offer() refuses a path twice (in another normal form too), a file that is also a folder, a mode and a hash that are none", async () => {
    await expect(offered([{ path: "a" }, { path: "a" }])).rejects.toThrow("stands twice");
    await expect(offered([{ path: "\u00e9" }, { path: "e\u0301" }])).rejects.toThrow("stands twice");
    await expect(offered([{ path: "a" }, { path: "a/b" }])).rejects.toThrow("is a file and a folder");
    await expect(offered([{ path: "a", mode: 0o4755 }])).rejects.toThrow("must be 644 or 755");
    await expect(offered([{ path: "a", sha256: Buffer.alloc(20) }])).rejects.toThrow("is not a SHA-256");
  });

  test("offer() refuses a tree that does not add up to its digest", async () => {
    const tree = { ...treeOf({ a: "x" }), digest: "0".repeat(64) };
    await expect(staging.offer({ name: "Image", digest: tree.digest, tree })).rejects.toMatchObject({
      code: "digest_mismatch",
    });
  });

  test("upload() refuses a chunk with other bytes than were promised, keeps nothing of it, and takes the right one after it", async () => {
    const files = { a: "right" };
    const tree = treeOf(files);
    const [message] = await lackingOf(staging, tree, files);
    if (message === undefined) throw new Error("Nothing is lacking");
    await expect(staging.upload(inTurn([{ ...message, data: Buffer.from("wrong") }]))).rejects.toMatchObject({
      code: "digest_mismatch",
    });
    await expect(staging.commit({ name: "Image", treeDigest: tree.digest }, never)).rejects.toThrow("did not come");
    expect(existsSync(join(store, "Image"))).toBe(false);
    await stage(files);
    expect(staged()).toEqual(files);
  });

  test("offerChunks() refuses hashes that are too few, or of another file", async () => {
    const files = { a: randomBytes(chunkBytes + 1) };
    const tree = treeOf(files);
    await staging.offer({ name: "Image", digest: tree.digest, tree });
    const question = { treeDigest: tree.digest, name: "Image", file: 0 };
    await expect(staging.offerChunks({ ...question, chunkHashes: Buffer.alloc(32) })).rejects.toMatchObject({
      code: "digest_mismatch",
    });
    await expect(staging.offerChunks({ ...question, chunkHashes: Buffer.alloc(96) })).rejects.toMatchObject({
      code: "bad_request",
    });
    await expect(staging.offerChunks({ ...question, file: 7, chunkHashes: Buffer.alloc(64) })).rejects.toMatchObject({
      code: "bad_request",
    });
  });

  test("upload() refuses chunks that lie outside of their file, and those that nobody offered", async () => {
    const files = { a: "abc" };
    const [message] = await lackingOf(staging, treeOf(files), files);
    if (message === undefined) throw new Error("Nothing is lacking");
    for (const wrong of [
      { chunk: 1 },
      { chunk: 4_294_967_295 },
      { data: Buffer.from("abcd") },
      { data: Buffer.from("ab") },
      { file: 9 },
    ])
      await expect(staging.upload(inTurn([{ ...message, ...wrong }]))).rejects.toMatchObject({ code: "bad_request" });
    await expect(staging.upload(inTurn([{ ...message, treeDigest: "x" }]))).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test.each([["Image"], ["Image/folder"]])(
    "commit() refuses to write through a link in the place of %s",
    async (path) => {
      mkdirSync(join(store, dirname(path)), { recursive: true });
      symlinkSync(folder.path, join(store, path));
      await expect(stage({ "folder/a": "x" })).rejects.toMatchObject({ code: "path_unsafe" });
      expect(existsSync(join(folder.path, "a")) || existsSync(join(folder.path, "folder"))).toBe(false);
    },
  );
});

describe("an upload that is cut", () => {
  const files = { a: randomBytes(chunkBytes * 4 + 5) };
  const tree = treeOf(files);

  test("goes on where it was, after the agent was killed too; what the disk lost is sent again", async () => {
    const messages = await lackingOf(staging, tree, files);
    await staging.upload(inTurn(messages.slice(0, 3)));
    const part = join(store, ".convirt-parts", `Image-${tree.digest}`, "0.part");
    const onDisk = readFileSync(part);
    onDisk.fill(0, chunkBytes, chunkBytes + 100);
    writeFileSync(part, onDisk);

    const again = open();
    const lacking = await lackingOf(again, tree, files);

    expect(lacking.map((one) => one.chunk)).toEqual([1, 3, 4]);
    await again.upload(inTurn(lacking));
    await again.commit({ name: "Image", treeDigest: tree.digest }, never);
    expect(readFileSync(join(store, "Image/a")).equals(files.a)).toBe(true);
  });

  test("that failed in the middle of the stream keeps what came before", async () => {
    const messages = await lackingOf(staging, tree, files);
    async function* broken() {
      yield* messages.slice(0, 2);
      throw new Error("the link broke");
    }
    await expect(staging.upload(broken())).rejects.toThrow("the link broke");
    expect((await lackingOf(staging, tree, files)).map((one) => one.chunk)).toEqual([2, 3, 4]);
  });

  test("and never gone on with is swept after a week, and at once when another version is put in place", async () => {
    const parts = join(store, ".convirt-parts");
    await staging.upload(inTurn((await lackingOf(staging, tree, files)).slice(0, 1)));
    await staging.upload(inTurn((await lackingOf(staging, treeOf(files, "Other"), files)).slice(0, 1)));
    const next = open();
    await next.sweep();
    expect(readdirSync(parts)).toHaveLength(2);
    await stage({ a: "another version" }, next);
    expect(readdirSync(parts)).toEqual([`Other-${treeOf(files, "Other").digest}`]);
    const longAgo = Date.now() / 1000 - 8 * 86_400;
    utimesSync(join(parts, readdirSync(parts)[0] ?? ""), longAgo, longAgo);
    await next.sweep();
    expect(readdirSync(parts)).toEqual([]);
  });
});

describe("at the same time", () => {
  test("two uploads of one tree share what came, and both succeed", async () => {
    const files = { a: randomBytes(chunkBytes * 3), b: "b", empty: "" };
    const tree = treeOf(files);
    const one = async () => {
      await staging.upload(inTurn(await lackingOf(staging, tree, files)));
      await staging.commit({ name: "Image", treeDigest: tree.digest }, never);
    };
    await Promise.all([one(), one(), one()]);
    expect(staged()).toEqual({ a: files.a.toString("latin1"), b: "b", empty: "" });
    expect(readdirSync(join(store, ".convirt-parts"))).toEqual([]);
  });

  test("a version that counted on files of one that was replaced meanwhile is refused, and staged when it is offered again", async () => {
    await stage({ shared: "first", own: "1" });
    const second = { shared: "first", own: "2" };
    const tree = treeOf(second);
    const messages = await lackingOf(staging, tree, second);
    await staging.upload(inTurn(messages));
    await stage({ shared: "third", own: "3" });

    await expect(staging.commit({ name: "Image", treeDigest: tree.digest }, never)).rejects.toThrow(
      "has changed on this host meanwhile",
    );
    expect(staged()).toEqual({ shared: "third", own: "3" });

    await stage(second);
    expect(staged()).toEqual(second);
  });

  test("a host says when a tree was staged and when a job last began to use it", async () => {
    await stage({ a: "old" });
    await stage({ a: "another" }, staging, "Other");
    const record = join(testConfig(folder.path, "xl").stateDir, "staged", "Image.json");
    const longAgo = new Date("2026-01-01T00:00:00.000Z");
    utimesSync(record, longAgo, longAgo);
    const tell = async (from: Staging) => (await from.staged()).find(({ name }) => name === "Image");
    // After a start of the agent as well.
    expect(await tell(open())).toMatchObject({ bytes: 3n, lastUsedAt: longAgo.toISOString() });
    (await staging.use(["Image", "not_here_yet"], never))();
    const told = await tell(open());
    expect(Date.parse(told?.lastUsedAt ?? "")).toBeGreaterThanOrEqual(Date.parse(told?.stagedAt ?? ""));
  });

  test("a tree in use is not changed until it is left", async () => {
    await stage({ a: "old" });
    const leave = await staging.use(["Image", "common"], never);
    const next = { a: "new" };
    const tree = treeOf(next);
    await staging.upload(inTurn(await lackingOf(staging, tree, next)));
    let isDone = false;
    const commit = staging.commit({ name: "Image", treeDigest: tree.digest }, never).then(() => {
      isDone = true;
    });
    await stage({ b: "another tree may be" }, staging, "Other");
    expect({ isDone, files: staged() }).toEqual({ isDone: false, files: { a: "old" } });
    leave();
    await commit;
    expect(staged()).toEqual({ a: "new" });
  });

  test("a commit that waits ends when its caller goes, and the next use is not held up by it", async () => {
    const leave = await staging.use(["Image"], never);
    const files = { a: "x" };
    const tree = treeOf(files);
    await staging.upload(inTurn(await lackingOf(staging, tree, files)));
    const caller = new AbortController();
    const commit = staging.commit({ name: "Image", treeDigest: tree.digest }, caller.signal);
    const second = staging.use(["Image"], never);
    caller.abort(new Error("the caller is gone"));
    await expect(commit).rejects.toThrow("the caller is gone");
    (await second)();
    leave();
    await staging.commit({ name: "Image", treeDigest: tree.digest }, never);
    expect(staged()).toEqual(files);
  });

  test("nextCommit() resolves at the next commit, and rejects when its caller goes", async () => {
    const caller = new AbortController();
    const gone = staging.nextCommit(caller.signal);
    const next = staging.nextCommit(never);
    caller.abort(new Error("gone"));
    await expect(gone).rejects.toThrow("gone");
    await stage({ a: "x" });
    await next;
  });
});

test("a store in which a start found an unfinished empty file is staged into all the same", async () => {
  mkdirSync(join(store, "Image"));
  writeFileSync(join(store, "Image/empty.convirt-new"), "");
  await stage({ empty: "" });
  expect(staged()).toEqual({ empty: "" });
});

test("more trees may be begun than are kept in memory: the oldest goes on from the disk", async () => {
  const files = { a: randomBytes(chunkBytes * 2) };
  await staging.upload(inTurn((await lackingOf(staging, treeOf(files), files)).slice(0, 1)));
  for (let index = 0; index < 64; index += 1) await lackingOf(staging, treeOf({ a: "x" }, `Tree${index}`), { a: "x" });
  expect((await lackingOf(staging, treeOf(files), files)).map((one) => one.chunk)).toEqual([1]);
});
