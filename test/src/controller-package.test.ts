// The controller as its package has it: bundled, and with its threads' programs beside it. What a bundle leaves out is found out only by using it.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Installation, root } from "@convirt/demo/installation";
import { afterAll, beforeAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "convirt-package-test-"));
const unpacked = join(folder, "root");
let installation: Installation;

beforeAll(async () => {
  const { packageController } = await import(pathToFileURL(join(root, "packaging/build.mjs")).href);
  const { file } = await packageController({ out: folder });
  mkdirSync(unpacked);
  expect(spawnSync("dpkg-deb", ["--extract", file, unpacked]).status).toBe(0);
  installation = await Installation.start({
    folder,
    store: join(unpacked, "usr/share/convirt/image_store"),
    controllerProgram: join(unpacked, "usr/lib/convirt-controller/controller/dist/main.js"),
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

test("it makes a copy of its database", async () => {
  const { name, bytes } = await installation.client.call("makeBackup");
  expect(bytes).toBeGreaterThan(0);
  expect((await installation.client.call("listBackups")).items.map((copy) => copy.name)).toEqual([name]);
});
