// Scripts that say yes and have not made what they should: each is found out, and what is missing is named.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Outcome, Phase, type ProvisionSpec } from "@convirt/proto/provision";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { TestHost } from "./testing.js";

let host: TestHost;
beforeAll(async () => {
  host = await new TestHost().up();
});
beforeEach(() => host.xen.misbehave({}));
afterAll(() => host.remove());

let count = 0;
/** A job of a VM with one disk, `web.img` of it in the script's `$disk`. */
async function judged(script: string, change: (spec: ProvisionSpec, disk: string) => void = () => undefined) {
  count += 1;
  const disk = join(host.path, "disks", `web${count}.img`);
  const spec = host.spec(host.image(`Image${count}`, `disk='${disk}'\n${script}`), `web${count}`, {
    disks: [`web${count}.img`],
  });
  change(spec, disk);
  return (await host.run(spec)).ended;
}

test.each<[string, string, string, (spec: ProvisionSpec, disk: string) => void]>([
  ["a disk that was not made", "true", "disk xvda DISK is not there", () => undefined],
  [
    "a disk that is too small",
    'truncate -s 1M "$disk"',
    "disk xvda DISK holds 1048576 bytes, 10485760 are wanted",
    (spec) => (spec.imageConf += "xvda_disk_size=10\n"),
  ],
  ["a disk that is a folder", 'mkdir "$disk"', "disk xvda DISK is neither a file nor a block device", () => undefined],
  [
    "a disk that is no qcow2",
    'echo raw >"$disk"',
    "disk xvda DISK is not a qcow2 disk",
    (spec) => (spec.imageConf += "xvda_disk_type='qcow2'\n"),
  ],
  [
    "a disk that is no vmdk",
    'echo raw >"$disk"',
    "disk xvda DISK is not a vmdk disk",
    (spec) => (spec.imageConf += "xvda_disk_type='vmdk'\n"),
  ],
  [
    "a disk that the script moved to where the host allows none",
    `sed -i "s|file:[^,]*|file:/etc/hostname|" "$2"`,
    "disk xvda /etc/hostname lies outside of the folders that this host allows",
    () => undefined,
  ],
  [
    "a kernel that is not there",
    'touch "$disk"',
    "kernel /none/vmlinuz is not there",
    (spec) => (spec.vmConf = spec.vmConf.replace("/bin/sh", "/none/vmlinuz")),
  ],
  [
    "a ramdisk that is empty",
    'touch "$disk" "$disk.initrd"',
    "ramdisk DISK.initrd is empty",
    (spec, disk) => (spec.vmConf += `ramdisk='${disk}.initrd'\n`),
  ],
  [
    "a ramdisk that is a folder",
    'touch "$disk"; mkdir "$disk.initrd"',
    "ramdisk DISK.initrd is not a file",
    (spec, disk) => (spec.vmConf += `ramdisk='${disk}.initrd'\n`),
  ],
  [
    "a VM configuration that xl would refuse",
    'touch "$disk"; echo "vcpus = -3" >>"$2"',
    "configuration CONFIG ",
    () => undefined,
  ],
  [
    "a VM configuration that does not evaluate",
    'touch "$disk"; echo "import subprocess" >>"$2"',
    "The script left a VM configuration that does not evaluate: ",
    () => undefined,
  ],
  [
    "a VM configuration with a disk that nobody can read",
    `touch "$disk"; sed -i "s|file:[^']*|file:/a,xvda,w,x,y|" "$2"`,
    'The disk "file:/a,xvda,w,x,y" cannot be used',
    () => undefined,
  ],
  ["a VM configuration that the script removed", 'touch "$disk"; rm "$2"', "ENOENT", () => undefined],
  [
    "a file where the folder of configurations should be",
    'touch "$disk" "${disk%/*}/conf"',
    "EEXIST",
    (spec, disk) =>
      (spec.imageConf = spec.imageConf.replace(
        /VM_CONF_DIR='[^']*'/,
        `VM_CONF_DIR='${disk.replace(/[^/]*$/, "conf")}'`,
      )),
  ],
])("%s fails the job in prove, and is named", async (_what, script, said, change) => {
  const ended = await judged(script, change);
  expect(ended).toMatchObject({ outcome: Outcome.FAILED, code: "not_proven", phase: Phase.PROVE, exitCode: 0 });
  const disk = join(host.path, "disks", `web${count}.img`);
  const config = join(host.path, "configs", `web${count}`);
  expect(ended.message).toContain(said.replace("DISK", disk).replace("CONFIG", config));
});

test("a toolstack that does not agree fails the job in prove, with its words", async () => {
  host.xen.misbehave({ create: { exitCode: 1, stderr: "libxl: error: no such luck\n" } });
  const ended = await judged('touch "$disk"');
  expect(ended).toMatchObject({ code: "not_proven", message: expect.stringContaining("no such luck") });
  expect(ended.proofs.find(({ subject }) => subject === "xl create -n")).toMatchObject({ holds: false });
});

test("what is as it should be is said with what was found", async () => {
  writeFileSync(join(host.path, "disks", "initrd"), "x");
  const ended = await judged('truncate -s 2M "$disk"', (spec) => {
    spec.imageConf += "xvda_disk_size=2\n";
    spec.vmConf += `ramdisk='${host.path}/disks/initrd'\n`;
  });
  expect(ended.outcome).toBe(Outcome.SUCCEEDED);
  expect(ended.proofs.map(({ holds, found }) => [holds, found])).toEqual([
    [true, "reads as xl's"],
    [true, "raw, 2097152 bytes"],
    [true, expect.stringMatching(/^\d+ bytes$/)],
    [true, "1 bytes"],
    [true, "agrees"],
  ]);
});
