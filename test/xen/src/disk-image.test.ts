import { afterEach, expect, test } from "vitest";
import { rig } from "./rig.js";

const reference = "/var/cache/convirt/reference";
afterEach(() => rig().remove("copied"));

test.each([
  ["raw", "cat"],
  ["gzip", "gzip"],
])("a %s reference disk is copied, grown, and told by its seed who it is", async (format, pack) => {
  await rig().dom0.must(
    `mkdir -p ${reference} && truncate --size=8M ${reference}/disk && mke2fs -q -F ${reference}/disk && ${pack} <${reference}/disk >${reference}/disk.${format}`,
  );
  const { disks } = await rig().make("Linux_Disk_Image", "copied", {
    imageConf: { xvda_image_src: `${reference}/disk.${format}`, xvda_image_src_format: format, xvda_disk_size: "32" },
    start: false,
  });
  const [disk, seed] = disks;
  expect(disk).toMatchObject({ bytes: 32 * 1024 ** 2, writable: true });
  await rig().dom0.must(`cmp --bytes=8388608 ${reference}/disk ${disk?.target}`);
  const metadata = await rig().dom0.must(`mount -o loop,ro ${seed?.target} /mnt && cat /mnt/meta-data; umount /mnt`);
  expect(metadata).toContain('local-hostname: "copied"');
});
