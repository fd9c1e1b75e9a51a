// A store that takes minutes to be read for the first time: one of its images has a disk of 256 GiB, which reads as zeros.
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TestController } from "../testing.js";

let folder: string;
let controller: TestController | undefined;

function makeImage(name: string): string {
  const image = join(folder, "store", name);
  mkdirSync(image, { recursive: true });
  writeFileSync(join(image, "image.conf"), "size=1\n");
  writeFileSync(join(image, "vm_conf.template"), "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\n");
  writeFileSync(join(image, "provision.sh"), "#!/bin/bash\ntrue\n", { mode: 0o755 });
  return image;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "convirt-large-store-"));
  const disk = join(makeImage("Huge"), "disk.raw");
  writeFileSync(disk, "");
  truncateSync(disk, 256 * 1024 ** 3);
  makeImage("Tiny");
});
afterEach(async () => {
  await controller?.stop();
  controller = undefined;
  rmSync(folder, { recursive: true, force: true });
});

test("the controller starts and stops without it, lists what has been read, and shows an image that is asked for", async () => {
  controller = await TestController.start({ folder });
  const token = await controller.tokenFor("admin");
  const one = await controller.call("GET", "/images/Tiny", { token });
  expect(one).toMatchObject({ status: 200, body: { name: "Tiny", accepted: true } });
  const { body } = await controller.call("GET", "/images", { token });
  expect(body.items.map(({ name }: { name: string }) => name)).toEqual(["Tiny"]);
  await controller.stop();
  controller = undefined;
});

test("a store whose folder cannot be made is said at the start", async () => {
  rmSync(join(folder, "store"), { recursive: true });
  writeFileSync(join(folder, "store"), "a file");
  await expect(TestController.start({ folder })).rejects.toThrow(/EEXIST.*store/);
});
