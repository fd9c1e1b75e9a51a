import { afterEach, beforeAll, expect, test } from "vitest";
import { rig } from "./rig.js";

beforeAll(async () => {
  await rig().addImage("Volume_Linux", (file, text) => {
    if (file === "image.conf") return text.replace("xvda_disk_type='VBD'", "xvda_disk_type='LVM'");
    if (file === "vm_conf.template") return text.replace(/^disk=.*$/m, "disk=['phy:/dev/vg0/$VM_NAME,xvda,w']");
    return text;
  });
  await rig().addImage("Qcow_Linux", (file, text) => {
    if (file === "image.conf") return text.replace("xvda_disk_type='VBD'", "xvda_disk_type='qcow2'");
    if (file === "vm_conf.template")
      return text.replace(/^disk=.*$/m, "disk=['tap:qcow2:$VM_DISKS_DIR/$VM_NAME.qcow2,xvda,w']");
    return text;
  });
});
afterEach(() => rig().remove("stored"));

test("a VM on LVM is provisioned, proven and booted, and its volume goes with it", async () => {
  const { disks } = await rig().make("Volume_Linux", "stored");
  expect(disks).toMatchObject([{ target: "/dev/vg0/stored", bytes: 16 * 1024 ** 2 }]);
  await rig().console("stored", /Hello from stored/);
  expect(await rig().dom0.must("lvs --noheadings -o lv_name vg0")).toContain("stored");
  await rig().remove("stored");
  expect((await rig().dom0.must("lvs --noheadings -o lv_name vg0")).trim()).toBe("");
});

test("a VM on qcow2 is provisioned, proven and booted", async () => {
  const { disks } = await rig().make("Qcow_Linux", "stored");
  expect(disks).toMatchObject([{ format: "qcow2", bytes: 16 * 1024 ** 2 }]);
  await rig().console("stored", /Hello from stored/);
});
