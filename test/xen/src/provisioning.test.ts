import { createHash } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { rig } from "./rig.js";

afterAll(() => rig().remove("tiny"));

test("Tiny_Linux is provisioned, its log followed live, proven, booted, and heard on its console", async () => {
  const { id } = await rig().provision("Tiny_Linux", "tiny", { imageConf: { greeting: "GUEST-HELLO from $VM_NAME" } });
  const heard: Buffer[] = [];
  let statusAtFirstByte = "";
  for await (const event of rig().client.events(id)) {
    if (event.kind !== "log") continue;
    if (heard.length === 0) statusAtFirstByte = (await rig().client.call("showJob", { params: { id } })).status;
    heard.push(Buffer.from(event.base64, "base64"));
  }
  const job = await rig().client.call("showJob", { params: { id } });
  expect(job, job.message ?? "").toMatchObject({ status: "succeeded", exitCode: 0 });
  expect(job.proofs.filter((proof) => !proof.holds)).toEqual([]);
  expect(job.proofs.map((proof) => proof.subject).join()).toContain("xvda");

  const log = Buffer.concat(heard);
  expect(statusAtFirstByte).toBe("running");
  expect(createHash("sha256").update(log).digest("hex")).toBe(job.logSha256);
  expect(log.toString()).toContain("completed");

  expect(await rig().console("tiny", /GUEST-HELLO from tiny/)).toContain("GUEST-HELLO from tiny");
  const vm = await rig().seen("tiny", ({ state }) => state === "running");
  expect(String(vm.domainId)).toBe((await rig().dom0.must("xl domid tiny")).trim());
  expect((await rig().dom0.must("xl list -v tiny")).includes(vm.id)).toBe(true);
});

test("the command line shows the VM, its console and its job as the API does", async () => {
  const shown = await rig().cli(["vm", "show", "tiny"]);
  expect(shown, shown.stderr).toMatchObject({ code: 0 });
  expect(shown.stdout).toMatch(/VM tiny: running, domain \d+ on dom0/);
  const console = await rig().cli(["vm", "console", "tiny"]);
  expect(console.stdout).toContain("GUEST-HELLO from tiny");
  const jobs = await rig().cli(["job", "list"]);
  expect(jobs.stdout).toContain("Tiny_Linux");
});

test("the disk is what was asked for, where it was asked for", async () => {
  const { disks } = await rig().client.call("showVm", { params: { id: "tiny" } });
  expect(disks).toMatchObject([{ device: "xvda", bytes: 16 * 1024 ** 2, writable: true }]);
  expect((await rig().dom0.must(`stat --format=%s ${disks[0]!.target}`)).trim()).toBe(String(16 * 1024 ** 2));
});
