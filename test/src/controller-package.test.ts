// The controller as its package has it: bundled, and with its threads' programs beside it. What a bundle leaves out is found out only by using it.
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { Installation, root } from "@convirt/demo/installation";
import { afterAll, beforeAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "convirt-package-test-"));
const unpacked = join(folder, "root");
const store = join(unpacked, "usr/share/convirt/image_store");
const programs = join(unpacked, "usr/lib/convirt-controller/controller/dist");
let installation: Installation;

beforeAll(async () => {
  const { packageController } = await import(pathToFileURL(join(root, "packaging/build.mjs")).href);
  const { file } = await packageController({ out: folder });
  mkdirSync(unpacked);
  expect(spawnSync("dpkg-deb", ["--extract", file, unpacked]).status).toBe(0);
  installation = await Installation.start({
    folder,
    store,
    controllerProgram: join(programs, "main.js"),
  });
  await installation.addHost("xen1");
});
afterAll(async () => {
  await installation.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("it shows the images that are shipped with it, and its web UI", async () => {
  const { items } = await installation.client.call("listImages");
  expect(items.map(({ name }) => name)).toContain("Linux_Disk_Image");
  const page = await (await fetch(installation.httpUrl)).text();
  expect(page).toContain("<title>ConVirt");
});

test("it stages an image and provisions from it", async () => {
  const imageConf = { ...installation.places("xen1"), guest_kernel: "/bin/sh", busybox: "/bin/busybox" };
  const job = await installation.client.call("provision", {
    body: { image: "Tiny_Linux", host: "xen1", vm: "packed", imageConf },
  });
  const ended = await installation.client.ended(job.id);
  expect(ended, ended.message ?? "").toMatchObject({ status: "succeeded" });
});

test("it brings a host a file that is so large that a thread sends it", async () => {
  const disk = randomBytes(17 * 1024 * 1024);
  cpSync(join(store, "Tiny_Linux"), join(store, "Large"), { recursive: true });
  writeFileSync(join(store, "Large", "disk.raw"), disk);
  await installation.client.call("scanImages");
  const imageConf = { ...installation.places("xen1"), guest_kernel: "/bin/sh", busybox: "/bin/busybox" };
  const job = await installation.client.call("provision", {
    body: { image: "Large", host: "xen1", vm: "large", imageConf },
  });
  const ended = await installation.client.ended(job.id);
  expect(ended, ended.message ?? "").toMatchObject({ status: "succeeded" });
  const staged = readFileSync(join(folder, "hosts", "xen1", "store", "Large", "disk.raw"));
  expect(staged.equals(disk)).toBe(true);
});

test("the thread that sends to hosts of an older release is there too", async () => {
  const access = {
    ...{ hostId: "host-1", hostName: "old", address: "127.0.0.1:1" },
    ...{ ca: "", key: "", certificate: "", fingerprints: [] },
  };
  const workerData = { access, name: "Large", treeDigest: "d", root: folder, files: [] };
  const worker = new Worker(join(programs, "upload-call-worker.js"), { workerData });
  try {
    const news = await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
    expect(news).toMatchObject({ kind: "failed" });
  } finally {
    await worker.terminate();
  }
});

test("it makes a copy of its database", async () => {
  const { name, bytes } = await installation.client.call("makeBackup");
  expect(bytes).toBeGreaterThan(0);
  expect((await installation.client.call("listBackups")).items.map((copy) => copy.name)).toEqual([name]);
});
