import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { rig } from "./rig.js";

const image = "With_Large_File";
const staged = `/var/cache/convirt/image_store/${image}/large.raw`;
const mib = 1024 * 1024;

let device: string | undefined;
afterEach(async () => {
  await rig().remove("from-large");
  if (device !== undefined) await rig().dom0.must(`losetup --detach ${device}`);
});

/** Brings the version that has this text at 3 MiB, by way of a VM that is removed again; what the host then has under the file's name, and its inode. */
async function staging(text: string): Promise<{ hash: string; inode: string }> {
  const file = openSync(join(rig().places.store, image, "large.raw"), "r+");
  writeSync(file, text, 3 * mib);
  closeSync(file);
  await rig().client.call("scanImages");
  await rig().make(image, "from-large", { start: false });
  await rig().remove("from-large");
  const [hash = "", inode = ""] = (await rig().dom0.must(`sha256sum <${staged}; stat --format=%i ${staged}`)).split(
    "\n",
  );
  return { hash, inode };
}

test("a large file of the store is changed where it is, but not under a block device that a guest would have", async () => {
  await rig().addImage(image, (_file, text) => text);
  execFileSync("truncate", ["--size=24M", join(rig().places.store, image, "large.raw")]);
  const first = await staging("first");
  const second = await staging("second");
  expect(second.inode).toBe(first.inode);
  expect(second.hash).not.toBe(first.hash);

  device = (await rig().dom0.must(`losetup --read-only --find --show ${staged}`)).trim();
  const third = await staging("third");
  expect(third.inode).not.toBe(first.inode);
  expect(await rig().dom0.must(`sha256sum <${device}`)).toContain(second.hash.split(" ")[0]);
});
