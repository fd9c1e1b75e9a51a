import { describe, expect, test } from "vitest";
import { privilegedSettings, privilegesGained } from "./privileges.js";
import { isPrivileged, reachOf } from "./reach.js";
import { type RenderRequest, renderImage } from "./render.js";
import { xlKeys } from "./xl/keys.js";

const names = (vmConf: string, imageConf = "") => [
  ...new Set(privilegedSettings({ imageConf, vmConf }).map(({ name }) => name)),
];

describe("where an option's value ends up", () => {
  test.each([
    ["image.conf", "VM_DISKS_DIR", "shell"],
    ["vm_conf.template", "memory", "plain"],
    ["vm_conf.template", "disk", "plain"],
    ["vm_conf.template", "os_flavor", "shell"],
    ["vm_conf.template", "kernel", "privileged"],
    ["vm_conf.template", "pci", "privileged"],
    ["vm_conf.template", "device_model_args_hvm", "privileged"],
    ["vm_conf.template", "bootloader_restrict", "privileged"],
    ["vm_conf.template", "device_model_user", "privileged"],
  ] as const)("%s: %s is %s", (file, name, reach) => {
    expect(reachOf(file, name)).toBe(reach);
  });

  test("is privileged for every key of xl that has not been found to be the guest's alone", () => {
    const open = [...xlKeys].filter((key) => reachOf("vm_conf.template", key) === "plain");
    expect(
      open.filter((key) => /model|firmware|kernel|^pci|ioports|iomem|dev|script|label|bootl|path|channel/.test(key)),
    ).toEqual([]);
    expect(open).toHaveLength(49);
  });

  test("is nowhere for a value that is nothing, and for the few that are known to do no harm", () => {
    for (const [name, value] of [
      ["serial", "pty"],
      ["usbdevice", "tablet"],
      ["vnclisten", "127.0.0.1"],
      ["kernel", "/usr/lib/xen-4.17/boot/hvmloader"],
      ["bootloader", ""],
      ["pci", []],
    ] as const)
      expect(isPrivileged(name, value as string)).toBe(false);
    for (const [name, value] of [
      ["serial", "file:/etc/passwd"],
      ["usbdevice", "host:1234:5678"],
      ["vnclisten", "0.0.0.0"],
      ["kernel", "/tmp/boot/hvmloader"],
      ["disk", ["file:/a,xvda,w", "format=raw,vdev=xvda,script=/tmp/x,target=/a"]],
      ["vif", ["bridge=xenbr0,script=/tmp/x"]],
      ["vif", ["bridge=xenbr0, backend = other"]],
    ] as const)
      expect(isPrivileged(name, value as string)).toBe(true);
  });
});

describe("privilegedSettings()", () => {
  test("finds what is written out, and not what reaches nothing", () => {
    expect(names("name=''\nmemory=64\ndisk=['file:/a,xvda,w']\nserial='pty'\nvnclisten='127.0.0.1'\n")).toEqual([]);
    expect(names("name=''\npci=['01:00.0']\nbootloader='/bin/x'\n")).toEqual(["bootloader", "pci"]);
  });

  test.each([
    "import os\nif os.path.exists('/proc/xen'):\n  pci=['01:00.0']\nelse:\n  pci=[]\n",
    "pci=[]\npci.append('01:00.0')\n",
    "x=pci=[]\nx.append('01:00.0')\n",
    "for pci in [['01:00.0']]:\n  pass\n",
    "pci=[]\npci+=['01:00.0']\n",
    "a='/bin/x'\nbootloader=a\n",
    "pci = (\n",
  ])("finds what only some host would take, or what is put together: %j", (text) => {
    expect(names(`name=''\n${text}`)).not.toEqual([]);
  });

  test("sees through $ names, of both files, to the end of the chain", () => {
    const files = (folder: string) => ({
      imageConf: `A='$B/x'\nB='${folder}'\nother=1\n`,
      vmConf: "name=''\nkernel='$A/vmlinuz'\n",
    });
    expect(privilegesGained(files("/k"), files("/k"))).toEqual([]);
    expect(privilegesGained(files("/k"), files("/etc")).map(({ name }) => name)).toEqual(["kernel"]);
    const other = { ...files("/k"), imageConf: files("/k").imageConf.replace("other=1", "other=2") };
    expect(privilegesGained(files("/k"), other)).toEqual([]);
  });
});

describe("values of one who may not reach the host", () => {
  const render = (more: Partial<RenderRequest>) =>
    renderImage({
      ...{ image: "Image", location: "Image", vmName: "joe", host: { machine: "x86_64" } },
      imageConf: "DIR='/vm'\nBL=''\niso='/vm/a.iso'\n",
      vmConf:
        "name=''\nmemory=64\nkernel='/boot/vmlinuz'\nramdisk='$DIR/$VM_NAME.initrd'\nbootloader='$BL'\nvnclisten='127.0.0.1'\n" +
        "disk=['file:$DIR/$VM_NAME.img,xvda,w', 'file:$iso,hdc:cdrom,r']\nvif=['mac=$AUTOGEN_MAC,bridge=$DEFAULT_BRIDGE']\n",
      ...{ variables: { store: "/store", serverName: "xen1" }, enforceCustomizable: true, toolstack: "xl" },
      ...{ nextMac: () => "00:16:3e:01:02:03", allowPrivileged: false, roots: ["/vm", "/srv"] },
      ...more,
    });
  const refused = (more: Partial<RenderRequest>) => {
    const rendered = render(more);
    return rendered.ok ? [] : rendered.refusals.map(({ name, code }) => `${name} ${code}`);
  };

  test("may be all that decides about the guest, and disks within the host's folders", () => {
    expect(refused({})).toEqual([]);
    expect(refused({ vmValues: { memory: 128, kernel: "/boot/vmlinuz", vnclisten: "::1" } })).toEqual([]);
    expect(refused({ imageValues: { DIR: "/srv/x", iso: "/srv/b.iso" } })).toEqual([]);
    expect(refused({ vmValues: { vif: ["bridge=br1"], disk: ["file:/srv/j.img,xvda,w"] } })).toEqual([]);
  });

  test.each([
    [{ vmValues: { kernel: "/etc/shadow" } }, "kernel"],
    [{ vmValues: { kernel: "/vm/other.img" } }, "kernel"],
    [{ imageValues: { BL: "/tmp/evil" } }, "bootloader"],
    [{ vmValues: { vnclisten: "0.0.0.0" } }, "vnclisten"],
    [{ vmValues: { vif: ["bridge=br1,script=/tmp/x"] } }, "vif"],
    [{ vmValues: { disk: ["format=raw,vdev=xvda,access=rw,script=/tmp/x,target=/vm/a"] } }, "disk"],
    [{ vmValues: { disk: ["phy:/dev/sda,xvda,w"] } }, "disk"],
    [{ imageValues: { iso: "/etc/shadow" } }, "disk"],
    [{ imageValues: { iso: "/vm/../etc/shadow" } }, "disk"],
    [{ imageValues: { DIR: "/etc" } }, "ramdisk"],
  ])("are refused by name where they reach further: %j", (more, name) => {
    expect(refused(more)).toContain(`${name} privileged`);
    expect(refused({ ...more, allowPrivileged: true }).filter((one) => one.includes("privileged"))).toEqual([]);
  });
});
