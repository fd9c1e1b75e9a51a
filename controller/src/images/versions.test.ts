import { randomUUID } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FileDiff, ImageDiff, ImageView } from "@convirt/contract/image";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inTransaction } from "../database/write-queue.js";
import { VmRecords } from "../domains/vm-records.service.js";
import { JobEntity } from "../provisioning/job.entity.js";
import { TestController } from "../testing.js";
import { makeImage } from "../testing-jobs.js";
import { ImageTextEntity, ImageVersionEntity, ImageVersionFileEntity } from "./image.entity.js";
import { ImagesService } from "./images.service.js";
import { VersionHistory, versionsKept } from "./version-history.js";
import { mostTextBytes, mostVersionBytes, textAsHashed } from "./version-texts.js";

let controller: TestController;
let token: string;
let folder: string;

async function start(): Promise<void> {
  controller = await TestController.start({ folder, database: join(folder, "convirt.db") });
  token = await controller.tokenFor("admin");
}
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "convirt-versions-"));
  await start();
  await makeImage(controller, token);
});
afterEach(() => controller.end());

const place = (path: string) => join(folder, "store", "Tiny", path);
const database = () => controller.get(DataSource);

async function image(): Promise<ImageView> {
  return (await controller.call("GET", "/images/Tiny", { token })).body as ImageView;
}

/** The version that stands in the store, seen. */
async function version(): Promise<string> {
  return (await image()).version ?? "";
}

async function written(path: string, text: string | Buffer): Promise<string> {
  writeFileSync(place(path), text);
  return await version();
}

async function ask(before: string, after: string): Promise<{ status: number; body: ImageDiff & { code?: string } }> {
  return await controller.call("GET", `/images/Tiny/versions/${before}/diff/${after}`, { token });
}

async function differing(before: string, after: string): Promise<Record<string, FileDiff>> {
  const { status, body } = await ask(before, after);
  expect(status).toBe(200);
  return Object.fromEntries(body.files.map((file) => [file.path, file]));
}

const texts = () => database().getRepository(ImageTextEntity).count();

/** So many versions, seen later than any. */
async function seenLater(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const row = { image: "Tiny", version: index.toString(16).padStart(64, "f"), files: 9, bytes: "1" };
    await database()
      .getRepository(ImageVersionEntity)
      .insert({ ...row, seenAt: "2999-01-01T00:00:00.000Z" });
  }
}

async function isKept(digest: string): Promise<boolean> {
  return (await ask(digest, digest)).status === 200;
}

describe("two versions of an image", () => {
  test("are compared file by file: what came, went, has another text or another mode", async () => {
    writeFileSync(place("old name"), "1\n");
    const before = await version();
    rmSync(place("old name"));
    writeFileSync(place("new name"), "1\n2");
    writeFileSync(place("image.conf"), "size = 20\n");
    chmodSync(place("image.conf"), 0o755);
    chmodSync(place("vm_conf.template"), 0o755);
    const after = await version();
    const { body } = await ask(before.slice(0, 8), after);
    expect(body).toMatchObject({ image: "Tiny", same: 1, filesLeftOut: 0 });
    expect(body.before).toMatchObject({ version: before, current: false });
    expect(body.after).toMatchObject({ version: after, current: true });
    expect(body.files.map(({ path, change }) => [path, change])).toEqual([
      ["image.conf", "changed"],
      ["new name", "added"],
      ["old name", "removed"],
      ["vm_conf.template", "mode_changed"],
    ]);
    const [conf, came, went, mode] = body.files;
    expect(conf).toMatchObject({ before: { mode: "0644", bytes: 10 }, after: { mode: "0755" }, shown: "text" });
    expect(conf?.hunks).toEqual([
      { oldStart: 1, oldLines: 1, newStart: 1, newLines: 1, lines: ["-size = 10", "+size = 20"] },
    ]);
    expect(came).toMatchObject({ before: null, hunks: [{ lines: ["+1", "+2", "\\ No newline at end of file"] }] });
    expect(went).toMatchObject({ after: null, hunks: [{ lines: ["-1"] }] });
    expect(mode).toMatchObject({ hunks: [], before: { mode: "0644" }, after: { mode: "0755" } });
  });

  test("keep no text that holds the value of a secret option, nor one of which nobody knows what is secret in it", async () => {
    const conf = (password: string) => `size = 10\nroot_password = '${password}'\nsecret_options = ['root_password']\n`;
    writeFileSync(place("image.conf"), conf(""));
    writeFileSync(place("notes"), "nothing yet\n");
    const without = await version();
    writeFileSync(place("image.conf"), conf("correct horse"));
    writeFileSync(place("notes"), `as base64: ${Buffer.from("correct horse").toString("base64")}\n`);
    const held = await version();
    writeFileSync(place("image.conf"), "secret_options = [\n");
    const broken = await version();
    const shown = async (before: string, after: string) =>
      (await ask(before, after)).body.files.map((file) => [file.path, file.shown, file.hunks.length]);
    expect(await shown(without, held)).toEqual([
      ["image.conf", "secret", 0],
      ["notes", "secret", 0],
    ]);
    expect(await shown(held, broken)).toContainEqual(["image.conf", "secret", 0]);
    const kept = await database().getRepository(ImageTextEntity).find();
    expect(kept.map(({ text }) => text)).toContain(conf(""));
    expect(kept.filter(({ text }) => /horse|Y29ycmVjdCBob3JzZQ|= \[$/m.test(text))).toEqual([]);
  });

  test("that are one hold no difference", async () => {
    const one = await version();
    expect((await ask(one, one)).body).toMatchObject({ files: [], same: 3 });
  });

  test("are named by their first digits, if these are eight and name one of the image's own", async () => {
    const one = await version();
    const twin = { image: "Tiny", seenAt: "2026-01-01T00:00:00.000Z", files: 1, bytes: "1" };
    const versions = database().getRepository(ImageVersionEntity);
    await versions.insert({ ...twin, version: `${one.slice(0, 12)}${"0".repeat(52)}` });
    await versions.insert({ ...twin, image: "Other", version: "ab".repeat(32) });
    const codes: Record<string, unknown> = {};
    for (const asked of [
      one.slice(0, 7),
      one.slice(0, 12),
      one.slice(0, 13),
      one.toUpperCase(),
      "ab".repeat(32),
      "%25",
    ])
      codes[asked] = (await ask(asked, one)).body.code;
    expect(Object.values(codes)).toEqual([
      "bad_request",
      "bad_request",
      undefined,
      "bad_request",
      "not_found",
      "bad_request",
    ]);
  });

  test("are told by digest and size alone where they hold no text, a large one, or more than is kept", async () => {
    const before = await version();
    writeFileSync(place("disk"), Buffer.from([1, 0, 2]));
    writeFileSync(place("latin"), Buffer.from([0xe9]));
    writeFileSync(place("large"), "x".repeat(mostTextBytes + 1));
    for (let index = 0; index < mostVersionBytes / mostTextBytes; index += 1)
      writeFileSync(place(`part${index}`), String(index).repeat(mostTextBytes));
    const files = await differing(before, await version());
    expect(Object.values(files).map(({ path, shown, hunks }) => [path, shown, hunks.length])).toEqual([
      ["disk", "binary", 0],
      ["large", "too_large", 0],
      ["latin", "binary", 0],
      ...[0, 1, 2].map((index) => [`part${index}`, "text", 1]),
      ...[3, 4, 5, 6].map((index) => [`part${index}`, "text", 0]),
      ["part7", "beyond_limit", 0],
    ]);
    expect(files["part4"]?.linesLeftOut).toBeGreaterThan(0);
  });

  test("cannot be compared when one was seen by a release that kept digests alone, and the answer says so", async () => {
    const one = await version();
    await seenLater(1);
    const { status, body } = await ask("f".repeat(63), one);
    expect({ status, code: body.code }).toEqual({ status: 409, code: "version_not_kept" });
    expect(JSON.stringify(body)).toContain("is not kept");
  });

  test("can be compared when the one that stood in the store at an update is one of them", async () => {
    const one = await version();
    await database().getRepository(ImageVersionFileEntity).clear();
    await database().getRepository(ImageTextEntity).clear();
    expect((await ask(one, one)).body.code).toBe("version_not_kept");
    await controller.stop();
    await start();
    await controller.call("POST", "/images/scan", { token });
    expect(Object.keys(await differing(one, await written("image.conf", "size = 11\n")))).toEqual(["image.conf"]);
  });
});

describe("of an image's versions", () => {
  test("a text is kept once, however many hold it", async () => {
    await version();
    expect(await texts()).toBe(3);
    await written("copy", "size = 10\n");
    await written("image.conf", "size = 11\n");
    expect(await texts()).toBe(4);
    await controller.call("POST", "/images/Tiny/create-like", { token, body: { name: "Like" } });
    // The new image's template names another image.
    expect(await texts()).toBe(5);
  });

  test("the old ones go with the texts that no other holds, but for the one that stands and those that a VM or a job names", async () => {
    const names = { ofVm: await version(), ofJob: "", ofNobody: "", standing: "" };
    await inTransaction(database(), async (tx) => {
      const at = { hostId: randomUUID(), host: "xen1", image: "Tiny", imageVersion: names.ofVm };
      const files = { vmConfigPath: "/vm/x", vmConfig: "", disks: [], options: { imageConf: {}, vmConf: {} } };
      await controller.get(VmRecords).record(tx, { ...at, ...files, id: randomUUID(), vm: "v", vmUuid: randomUUID() });
    });
    await seenLater(versionsKept);
    names.ofJob = await written("image.conf", "size = 11\n");
    await inTransaction(database(), (tx) => tx.save(JobEntity, jobOf(names.ofJob), { reload: false }));
    names.ofNobody = await written("image.conf", "size = 12\n");
    expect(await isKept(names.ofNobody)).toBe(true);
    names.standing = await written("image.conf", "size = 13\n");
    const kept = Object.entries(names).map(async ([name, digest]) => [name, await isKept(digest)]);
    expect(Object.fromEntries(await Promise.all(kept))).toEqual({
      ...{ ofVm: true, ofJob: true, ofNobody: false, standing: true },
    });
    const left = (await database().getRepository(ImageTextEntity).find()).map(({ text }) => text).sort();
    expect(left.filter((text) => text.startsWith("size"))).toEqual(["size = 10\n", "size = 11\n", "size = 13\n"]);
    expect((await image()).versions).toHaveLength(versionsKept);
  });

  test("those of images that were taken out of the store by hand stay, but of five hundred at the most", async () => {
    await version();
    const versions = database().getRepository(ImageVersionEntity);
    const year = (index: number) => `${3000 - index}-01-01T00:00:00.000Z`;
    for (let index = 0; index <= 501; index += 1)
      await versions.insert({
        image: `Gone${index}`,
        version: "0".repeat(64),
        seenAt: year(index),
        files: 1,
        bytes: "1",
      });
    await controller.get(VersionHistory).forgetAbsent(new Set(["Tiny"]));
    expect(await versions.existsBy({ image: "Gone499" })).toBe(true);
    expect(await versions.existsBy({ image: "Gone500" })).toBe(false);
    expect(await versions.existsBy({ image: "Tiny" })).toBe(true);
    expect(await versions.count()).toBe(501);
  });

  test("one whose files were others by the time that they were read is not kept by half, and is when it is seen again", async () => {
    const standing = await version();
    const image = await controller.get(ImagesService).byName("Tiny");
    const { tree } = image;
    if (tree === undefined) throw new Error("Tiny cannot be read");
    // A version that never stood on the disk, so that nobody else can see it.
    const digest = "9".repeat(64);
    const others = tree.files.map((file) => ({ ...file, sha256: Buffer.alloc(32) }));
    const history = controller.get(VersionHistory);
    expect(await history.record({ ...image, tree: { ...tree, digest, files: others } })).toBe(true);
    expect((await ask(digest, standing)).body.code).toBe("version_not_kept");
    expect(await database().getRepository(ImageVersionFileEntity).countBy({ version: digest })).toBe(0);
    await history.record({ ...image, tree: { ...tree, digest } });
    expect((await ask(digest, standing)).body).toMatchObject({ files: [], same: 3 });
  });

  test("nothing stays when the image is removed", async () => {
    await written("note", "a secret\n");
    await controller.call("DELETE", "/images/Tiny", { token });
    expect(await texts()).toBe(0);
    expect(await database().getRepository(ImageVersionFileEntity).count()).toBe(0);
    expect(await database().getRepository(ImageVersionEntity).count()).toBe(0);
  });

  test("a text that is another by now than when it was hashed is not taken for it", async () => {
    const [tree] = await controller.get(ImagesService).trees("Tiny");
    const file = tree?.files.find(({ path }) => path === "image.conf");
    if (tree === undefined || file === undefined) throw new Error("The image has no image.conf");
    expect(await textAsHashed(tree, file)).toEqual({ text: "size = 10\n" });
    writeFileSync(place("image.conf"), "size = 99\n");
    expect(await textAsHashed(tree, file)).toBeUndefined();
    rmSync(place("image.conf"));
    expect(await textAsHashed(tree, file)).toBeUndefined();
  });
});

/** What a list of jobs would show of one that has ended. */
function jobOf(imageVersion: string): JobEntity {
  const none = { imageConf: {}, vmConf: {} };
  return {
    ...{ id: randomUUID(), number: 1, restored: false, status: "failed" as const, image: "Tiny", imageVersion },
    ...{ hostId: randomUUID(), host: "xen1", vm: "w", vmUuid: randomUUID(), start: false },
    ...{ requestedBy: "x", requestedById: "x", createdAt: "2026-01-01T00:00:00.000Z", options: none },
    ...{ request: { image: "Tiny", host: "xen1", vm: "w", start: false, replaceDisks: false, ...none } },
    ...{ spec: { trees: [], imageConf: "", vmConf: "", timeoutMs: 1 } },
    ...{ phases: [], proofs: [], leftovers: [], cleaned: [], disks: [] },
    ...{ logBytes: 0, logCut: false, lastSequence: 0, agentSequence: 0 },
  } as unknown as JobEntity;
}
