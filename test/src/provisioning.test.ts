import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ApiError } from "@convirt/demo/api-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { preamble, startInstallation, type TestInstallation } from "./testing.js";

let t: TestInstallation;
const kernel = { guest_kernel: "/bin/busybox" };

beforeAll(async () => {
  t = await startInstallation(["xen1", "xen2"]);
}, 240_000);
afterAll(() => t.stop());

const request = (vm: string, more: object = {}) => ({
  image: "Tiny_Linux",
  host: "xen1",
  vm,
  imageConf: { ...t.installation.places("xen1"), ...kernel },
  ...more,
});

test("a VM is provisioned: its disk, configuration and domain are there, and the log is the same on the host, in the controller and at the client", async () => {
  const { client } = t.installation;
  const job = await client.call("provision", { body: request("hello", { start: true }) });
  const seen: Buffer[] = [];
  let sequence = 0;
  for await (const event of client.events(job.id)) {
    expect(event.sequence).toBe(sequence + 1);
    sequence = event.sequence;
    if (event.kind === "log") seen.push(Buffer.from(event.base64, "base64"));
  }
  const ended = await client.call("showJob", { params: { id: job.id } });
  expect(ended).toMatchObject({ status: "succeeded", exitCode: 0, code: null, leftovers: [] });
  expect(ended.phases.map((one) => one.phase)).toEqual(["check", "stage", "script", "prove", "start"]);
  expect(ended.proofs.every((proof) => proof.holds)).toBe(true);

  const log = readFileSync(join(t.installation.host("xen1").folder, "logs/Tiny_Linux/Tiny_Linux_hello.log"));
  expect(Buffer.concat(seen)).toEqual(log);
  expect(await client.log(job.id)).toEqual(log);
  expect(ended.logSha256).toBe(createHash("sha256").update(log).digest("hex"));
  expect(log.toString("utf8").match(/provisioning from image/g)).toHaveLength(1);

  expect(statSync(ended.disks[0]?.target ?? "").size).toBe(16 * 1024 * 1024);
  expect(readFileSync(ended.vmConfigPath ?? "", "utf8")).toContain('name = "hello"');
  const { items } = await client.call("listVms", { query: { name: "hello" } });
  expect(items).toMatchObject([
    { name: "hello", host: "xen1", image: "Tiny_Linux", jobId: job.id, memoryMib: 128, vcpus: 1 },
  ]);
  expect(readFileSync(join(t.installation.host("xen1").xenDir, "console/guest-hello.log"), "utf8")).toContain("hello");
}, 120_000);

test("a VM is shut down, started, destroyed and removed with its disks; a wish that holds already says so", async () => {
  const { client } = t.installation;
  await client.ended((await client.call("provision", { body: request("life") })).id);
  const act = (name: "startVm" | "shutdownVm" | "destroyVm") => client.call(name, { params: { id: "life" } });
  expect((await act("shutdownVm")).already).toBe(true);
  expect((await act("startVm")).already).toBe(false);
  expect((await act("startVm")).already).toBe(true);
  await expect(client.call("removeVm", { params: { id: "life" } })).rejects.toMatchObject({ code: "vm_running" });
  expect((await act("destroyVm")).already).toBe(false);
  const detail = await client.call("showVm", { params: { id: "life" } });
  const removed = await client.call("removeVm", { params: { id: "life" }, query: { disks: true, force: true } });
  expect(removed.removed).toEqual(expect.arrayContaining([detail.vmConfigPath, detail.disks[0]?.target]));
  expect(existsSync(detail.vmConfigPath)).toBe(false);
  expect(existsSync(detail.disks[0]?.target ?? "")).toBe(false);
  await expect(client.call("showVm", { params: { id: "life" } })).rejects.toMatchObject({ code: "not_found" });
}, 120_000);

test("a dry run shows the files, writes nothing, and names what stands against the request", async () => {
  const { client } = t.installation;
  const before = await client.call("listJobs");
  const answer = await client.call("dryRun", { body: request("dry") });
  expect(answer).toMatchObject({ accepted: true, refusals: [] });
  expect(answer.files.map((file) => file.text).join("")).toContain("dry.disk.xm");
  expect(existsSync(join(t.installation.places("xen1")["VM_DISKS_DIR"] ?? "", "dry.disk.xm"))).toBe(false);
  expect((await client.call("listJobs")).total).toBe(before.total);

  const outside = await client.call("dryRun", {
    body: { ...request("dry"), imageConf: { ...t.installation.places("xen1"), ...kernel, VM_DISKS_DIR: "/etc/x" } },
  });
  expect(outside.accepted).toBe(false);
  expect(outside.refusals).toEqual([expect.objectContaining({ code: "disk_outside_roots" })]);
}, 120_000);

test("a script that fails ends its job with the exit code, its last words in the log and what it left behind; a retry is a new job", async () => {
  const { client } = t.installation;
  await t.addImage("Failing", { script: `${preamble}provision_disks\necho "about to fail"\nexit 7\n` });
  const body = { image: "Failing", host: "xen1", vm: "unlucky", imageConf: t.installation.places("xen1") };
  const ended = await client.ended((await client.call("provision", { body })).id);
  expect(ended).toMatchObject({ status: "failed", code: "script_failed", exitCode: 7, phase: "script" });
  expect((await client.log(ended.id)).toString("utf8")).toContain("about to fail\n");
  const disk = join(t.installation.places("xen1")["VM_DISKS_DIR"] ?? "", "unlucky.img");
  expect(ended.leftovers).toEqual([{ kind: "file", path: disk, bytes: 1024 * 1024, detail: "" }]);
  await expect(client.call("showVm", { params: { id: "unlucky" } })).rejects.toMatchObject({ code: "not_found" });

  const retried = await client.call("retryJob", { params: { id: ended.id } });
  expect(retried).toMatchObject({ retryOf: ended.id });
  expect(retried.id).not.toBe(ended.id);
  // The disk of the first attempt is still there, and is not overwritten unasked.
  expect(await client.ended(retried.id)).toMatchObject({ status: "failed", code: "check_failed" });
}, 120_000);

test("a script that says yes and makes nothing is found out, and what is missing is named", async () => {
  const { client } = t.installation;
  await t.addImage("Empty_Promise", { script: "#!/bin/bash\necho done\n" });
  const ended = await client.ended(
    (
      await client.call("provision", {
        body: { image: "Empty_Promise", host: "xen1", vm: "nothing", imageConf: t.installation.places("xen1") },
      })
    ).id,
  );
  expect(ended).toMatchObject({ status: "failed", code: "not_proven", phase: "prove", exitCode: 0 });
  expect(ended.message).toContain("nothing.img is not there");
}, 120_000);

test("a toolstack that refuses to start the domain ends the job with its own words", async () => {
  const { client } = t.installation;
  const job = await client.ended(
    (await client.call("provision", { body: { ...request("huge", { start: false }), vmConf: { memory: 8192 } } })).id,
  );
  expect(job.status).toBe("succeeded");
  await expect(client.call("startVm", { params: { id: "huge" } })).resolves.toMatchObject({ already: false });
  const second = await client.ended(
    (await client.call("provision", { body: { ...request("huge2"), vmConf: { memory: 15_000 } } })).id,
  );
  expect(second.status).toBe("succeeded");
  const refused = client.call("startVm", { params: { id: "huge2" } });
  await expect(refused).rejects.toThrow(/Out of memory|Cannot allocate memory/);
  await expect(refused).rejects.toBeInstanceOf(ApiError);
  await expect(refused).rejects.toMatchObject({ status: 502, code: "action_failed" });
}, 120_000);

test("every byte of a value reaches the script as it was written", async () => {
  const { client } = t.installation;
  const nasty = "a'b\"c$(id)`id`\\d ${x} $HOME !\n* ~ é 漢 ; | & > <";
  await t.addImage("Echo", {
    imageConf: "VM_DISKS_DIR='/d'\nVM_CONF_DIR='/c'\nvalue=''\n",
    vmConf: "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\n",
    script: `${preamble}printf '%s' "$value"\n`,
  });
  const job = await client.ended(
    (
      await client.call("provision", {
        body: {
          image: "Echo",
          host: "xen1",
          vm: "echo",
          imageConf: { ...t.installation.places("xen1"), value: nasty.replaceAll("$", "$$") },
        },
      })
    ).id,
  );
  expect(job.status).toBe("succeeded");
  expect((await client.log(job.id)).toString("utf8")).toBe(nasty);
}, 120_000);

test("a large disk of an image arrives byte for byte, and of its next version only what changed is sent", async () => {
  const { client } = t.installation;
  await t.addImage("Large", {
    script: "#!/bin/bash\nexit 0\n",
    vmConf: "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\n",
  });
  const disk = join(t.store, "Large", "disk.raw");
  const data = randomBytes(40 * 1024 * 1024 + 5);
  const staged = async (vm: string) => {
    writeFileSync(disk, data);
    await client.call("scanImages");
    const job = await client.call("provision", {
      body: request(vm, { image: "Large", imageConf: t.installation.places("xen1") }),
    });
    let sent = 0;
    for await (const event of client.events(job.id))
      if (event.kind === "staging") sent = Math.max(sent, event.bytesTotal);
    expect(await client.call("showJob", { params: { id: job.id } })).toMatchObject({ status: "succeeded" });
    const arrived = readFileSync(join(t.installation.host("xen1").folder, "store/Large/disk.raw"));
    expect(arrived.equals(data)).toBe(true);
    return sent;
  };
  expect(await staged("large-1")).toBeGreaterThan(40 * 1024 * 1024);
  data[30_000_000] = (data[30_000_000] ?? 0) ^ 1;
  expect(await staged("large-2")).toBe(262_144);
});
