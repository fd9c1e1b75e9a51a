import { createHash } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { temporaryFolder } from "../testing.js";
import type { Staging } from "./staging.js";
import { closeStagings, openStaging } from "./testing.js";
import { treeDigest } from "./tree.js";

let folder: ReturnType<typeof temporaryFolder>;
let store: string;
let staging: Staging;
const never = new AbortController().signal;
const nobody = () => undefined;

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

const open = () => openStaging(folder.path);

const text = Buffer.alloc(10_000, "x");

function treeOf(name: string) {
  const sha256 = createHash("sha256").update(text).digest();
  const files = [{ path: "scripts/provision.sh", mode: 0o755, size: BigInt(text.length), sha256 }];
  const tree = { name, digest: "", files };
  return { ...tree, digest: treeDigest(tree) };
}

/** Offers the tree, and sends what is asked for. */
async function upload(name: string): Promise<ReturnType<typeof treeOf>> {
  const tree = treeOf(name);
  const { digest } = tree;
  await staging.offer({ name, digest, tree });
  const [file] = tree.files;
  await staging.offerChunks({ name, treeDigest: digest, file: 0, chunkHashes: file?.sha256 ?? Buffer.alloc(0) });
  const message = { name, treeDigest: digest, file: 0, chunk: 0, data: text };
  await staging.upload(
    (async function* () {
      yield message;
    })(),
  );
  return tree;
}

async function stage(name: string): Promise<void> {
  const { digest } = await upload(name);
  await staging.commit({ name, treeDigest: digest }, never);
}
const names = async () => (await staging.staged()).map(({ name }) => name).sort();
const aside = () => (existsSync(join(store, ".convirt-removed")) ? readdirSync(join(store, ".convirt-removed")) : []);

describe("a tree that is removed", () => {
  test("is gone with its record, says what that freed, and is staged anew as if it had never been here", async () => {
    await stage("Image");
    await stage("Other");
    const freed = await staging.remove("Image", nobody, never);
    expect(freed).toBeGreaterThanOrEqual(text.length);
    expect([existsSync(join(store, "Image")), await names(), aside()]).toEqual([false, ["Other"], []]);
    const { name, digest } = treeOf("Image");
    expect((await staging.offer({ name, digest, tree: undefined })).answer?.$case).toBe("treeNeeded");
    await stage("Image");
    expect(await names()).toEqual(["Image", "Other"]);
  });

  test("takes with it what an upload of another version left before a start", async () => {
    await stage("Image");
    const left = join(store, ".convirt-parts", `Image-${"0".repeat(64)}`);
    mkdirSync(left, { recursive: true });
    await staging.remove("Image", nobody, never);
    expect(existsSync(left)).toBe(false);
  });

  test("is deleted at the next start when the removal was cut after the rename, and counts as not staged meanwhile", async () => {
    await stage("Image");
    mkdirSync(join(store, ".convirt-removed"));
    renameSync(join(store, "Image"), join(store, ".convirt-removed", "Image-cut"));
    staging = open();
    expect(await names()).toEqual([]);
    const { name, digest } = treeOf("Image");
    expect((await staging.offer({ name, digest, tree: undefined })).answer?.$case).toBe("treeNeeded");
    await staging.sweep();
    expect(existsSync(join(store, ".convirt-removed"))).toBe(false);
    await stage("Image");
    expect(await names()).toEqual(["Image"]);
  });

  test("frees nothing by a file that has another name elsewhere", async () => {
    await stage("Image");
    const script = join(store, "Image/scripts/provision.sh");
    linkSync(script, join(folder.path, "kept"));
    expect(await staging.remove("Image", nobody, never)).toBe(0);
  });
});

describe("remove() refuses", () => {
  const refused = async (name: string, code: string, message: RegExp, userOf: (tree: string) => string | undefined) =>
    await expect(staging.remove(name, userOf, never)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });

  test("a tree that a job under way needs, by the job's id, also one that came while it waited", async () => {
    await stage("Image");
    await refused("Image", "image_in_use", /job 7 is under way/, (tree) => (tree === "Image" ? "7" : undefined));
    let job: string | undefined;
    const leave = await staging.use(["Image"], never);
    const waiting = refused("Image", "image_in_use", /job 8 is under way/, () => job);
    job = "8";
    leave();
    await waiting;
    expect(await names()).toEqual(["Image"]);
  });

  test("to wait longer than its caller does, and touches nothing then", async () => {
    await stage("Image");
    const leave = await staging.use(["Image"], never);
    const caller = new AbortController();
    const waiting = staging.remove("Image", nobody, caller.signal);
    caller.abort(new Error("gone"));
    await expect(waiting).rejects.toThrow("gone");
    leave();
    expect(await names()).toEqual(["Image"]);
  });

  test("what all images use, what is no name, and what is not staged", async () => {
    await stage("common");
    mkdirSync(join(store, "By_hand"));
    for (const name of ["common", "custom_scripts"])
      await refused(name, "bad_request", /the scripts of all images use it/, nobody);
    for (const name of ["..", ".", "", "/etc", "../state", "a/b", ".convirt-parts", "x".repeat(64), "a\n"])
      await refused(name, "bad_request", /^Cannot remove ".*": that is not a name/s, nobody);
    for (const name of ["Nothing", "By_hand"]) await refused(name, "not_found", /no image .* staged/, nobody);
    expect([existsSync(join(store, "By_hand")), await names()]).toEqual([true, ["common"]]);
  });

  test("a link that somebody put in its place, and leaves what it leads to", async () => {
    await stage("Image");
    const elsewhere = join(folder.path, "elsewhere");
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, "precious"), "x");
    rmSync(join(store, "Image"), { recursive: true });
    symlinkSync(elsewhere, join(store, "Image"));
    await refused("Image", "path_unsafe", /it is a link/, nobody);
    expect(existsSync(join(elsewhere, "precious"))).toBe(true);
  });
});
