import { randomUUID } from "node:crypto";
import { ProvisionSpec } from "@convirt/proto/provision";
import { describe, expect, test } from "vitest";
import { Refusal } from "../errors/errors.js";
import { testConfig } from "../testing.js";
import { footprintOf, makePlan } from "./plan.js";

const config = testConfig("/h", "xl");
const disk = "disk=['file:/h/disks/a.img,xvda,w']\n";

function spec(fields: Partial<ProvisionSpec> = {}): ProvisionSpec {
  return ProvisionSpec.fromPartial({
    ...{ jobId: randomUUID(), vmUuid: randomUUID(), vmName: "web", image: "Tiny" },
    ...{ imageConf: "", vmConf: disk },
    ...fields,
  });
}

function refusal(fields: Partial<ProvisionSpec>): { code: string; message: string } {
  try {
    makePlan(spec(fields), config);
  } catch (error) {
    if (error instanceof Refusal) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("It was not refused");
}

describe("makePlan() refuses", () => {
  test.each([
    ["a job's id that is none", { jobId: "../x" }, "bad_request", '"../x" is not a job\'s id'],
    ["a uuid that is none", { vmUuid: "1" }, "bad_request", '"1" is not a VM\'s uuid'],
    ["an image's name that leads elsewhere", { image: "../etc" }, "bad_request", "cannot be an image's name"],
    ["an image.conf that runs something", { imageConf: "import subprocess\n" }, "config_invalid", "(line 1)"],
    ["a VM configuration that does not evaluate", { vmConf: "a = (\n" }, "config_invalid", "VM configuration"],
    ["a disk that nobody can read", { vmConf: "disk=['file:/a,xvda,w,x,y']\n" }, "disk_invalid", "file:/a,xvda,w,x,y"],
    ["a disk script that is more", { vmConf: "disk=['script=/x y,vdev=xvda,target=/a']\n" }, "disk_invalid", "/x y"],
    ["a longer time than the host allows", { timeoutMs: 60_001 }, "timeout_too_long", "60 s on this host, 60.001 s"],
  ])("%s", (_what, fields, code, said) => {
    const found = refusal(fields);
    expect(found.code).toBe(code);
    expect(found.message).toContain(said);
  });

  test.each(["1", "", "a b", "a,script=/x", "$(id)", "../x", "a\n", "-a", "a".repeat(64), "ä"])(
    "the VM's name %j",
    (vmName) => expect(refusal({ vmName }).code).toBe("bad_vm_name"),
  );
});

describe("makePlan()", () => {
  test("places every file of a job by its image and VM", () => {
    expect(makePlan(spec({ imageConf: "VM_CONF_DIR='/h/configs'\n" }), config)).toMatchObject({
      ...{ imageDir: "/h/store/Tiny", scriptPath: "/h/store/Tiny/provision.sh", vmConfigPath: "/h/configs/web" },
      files: {
        imageConf: "/h/logs/Tiny/Tiny_web_image.conf",
        vmConf: "/h/logs/Tiny/Tiny_web_vm.conf",
        args: "/h/logs/Tiny/Tiny_web.args",
        log: "/h/logs/Tiny/Tiny_web.log",
      },
    });
    expect(makePlan(spec(), config).vmConfigPath).toBe("/var/cache/convirt/vm_configs/web");
  });

  test("takes what image.conf says of a disk: whether the script makes it, of which kind and size", () => {
    const of = (imageConf: string) => makePlan(spec({ imageConf }), config).disks[0];
    expect(of("")).toMatchObject({ target: "/h/disks/a.img", device: "xvda", format: "raw", sizeMib: 0, made: false });
    expect(of("xvda_disk_create='yes'\nxvda_disk_size=10\n")).toMatchObject({ sizeMib: 10, made: true });
    expect(of("xvda_image_src='http://a/b'\nxvda_disk_size='20'\n")).toMatchObject({ sizeMib: 20, made: true });
    expect(of("xvda_disk_type='qcow2'\n")).toMatchObject({ format: "qcow2" });
    const cdrom = makePlan(spec({ vmConf: "disk=['file:/a.iso,hdc:cdrom,r']\n" }), config).disks[0];
    expect(cdrom).toMatchObject({ writable: false, cdrom: true, made: false });
  });

  test("gives the script the time that was asked for, else what its files say, never more than the host allows", () => {
    const ms = (fields: Partial<ProvisionSpec>) => makePlan(spec(fields), config).timeoutMs;
    expect(ms({})).toBe(60_000);
    expect(ms({ timeoutMs: 5_000, imageConf: "provision_timeout=7\n" })).toBe(5_000);
    expect(ms({ imageConf: "provision_timeout=7\n" })).toBe(7_000);
    expect(ms({ imageConf: "provision_timeout=7\n", vmConf: "provision_timeout=8\n" })).toBe(8_000);
    expect(ms({ imageConf: "provision_timeout=7200\n" })).toBe(60_000);
  });

  test("names every place in which the job may make something", () => {
    const one = spec({ imageConf: "VM_CONF_DIR='/h/configs'\n" });
    expect(footprintOf(one, makePlan(one, config))).toEqual({
      ...{ jobId: one.jobId, vmName: "web", vmUuid: one.vmUuid },
      ...{ targets: ["/h/disks/a.img"], configPath: "/h/configs/web" },
      folders: ["/h/disks", "/h/configs", "/h/store/Tiny"],
    });
  });
});
