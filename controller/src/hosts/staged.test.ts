import { randomUUID } from "node:crypto";
import { DataSource } from "typeorm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inTransaction } from "../database/write-queue.js";
import { VmRecords } from "../domains/vm-records.service.js";
import { TestController } from "../testing.js";
import { enrolHost, type TestHost } from "../testing-jobs.js";

let controller: TestController;
let agent: TestHost;
let admin: string;

beforeAll(async () => {
  controller = await TestController.start();
  admin = await controller.tokenFor("admin");
  agent = await enrolHost(controller, admin, "xen1");
}, 60_000);
afterAll(async () => {
  await controller.end();
  agent.kill();
});

const staged = async (token: string) => (await controller.call("GET", "/hosts/xen1/staged", { token })).body;

const remove = (image: string, token = admin) => controller.call("DELETE", `/hosts/xen1/staged/${image}`, { token });

describe("what is staged on a host", () => {
  test("is told as the host says it, and of an older agent without the last use", async () => {
    expect(await staged(admin)).toEqual({
      items: [
        { name: "Tiny", version: "a".repeat(64), bytes: 42, stagedAt: "2026-01-01T00:00:00.000Z", lastUsedAt: null },
        {
          name: "common",
          version: "b".repeat(64),
          bytes: 7,
          stagedAt: "2026-01-01T00:00:00.000Z",
          lastUsedAt: "2026-01-02T00:00:00.000Z",
        },
      ],
    });
  });

  test("leaves out images that the reader does not see", async () => {
    const reader = await controller.tokenFor("viewer", "host:xen1");
    expect((await staged(reader)).items.map(({ name }: { name: string }) => name)).toEqual(["common"]);
  });

  test("is removed by who may, and the audit names host and image", async () => {
    const answer = await remove("Tiny");
    expect([answer.status, answer.body]).toEqual([200, { host: "xen1", image: "Tiny", freedBytes: 4096 }]);
    const { body } = await controller.call("GET", "/audit?action=removeStaged", { token: admin });
    expect(body.items[0]).toMatchObject({ objects: ["host xen1", "image Tiny"], outcome: "done" });
    const operator = await controller.tokenFor("operator");
    expect((await remove("Tiny", operator)).body.code).toBe("forbidden");
  });

  test("is not removed by who does not see the image, nor while a VM's configuration names a file of it", async () => {
    const blind = await controller.tokenFor("vm_admin", "host:xen1");
    expect((await remove("Tiny", blind)).body.code).toBe("not_found");
    await inTransaction(controller.get(DataSource), async (tx) => {
      const at = { hostId: agent.hostId, host: "xen1", image: "Other", imageVersion: "0".repeat(64) };
      const files = { vmConfigPath: "/vm/x", vmConfig: "kernel = '/store/Tiny/vmlinuz'\n", disks: [] };
      const made = { id: randomUUID(), vm: "boots", vmUuid: randomUUID(), options: { imageConf: {}, vmConf: {} } };
      await controller.get(VmRecords).record(tx, { ...at, ...files, ...made });
    });
    expect((await remove("Tiny")).body).toMatchObject({
      code: "image_in_use",
      message: expect.stringContaining('1 of its VMs use files of it there, "boots" among them'),
      details: { vms: ["boots"] },
    });
    expect((await remove("Tin")).status).toBe(200);
  });

  test("is not removed from a host whose agent cannot", async () => {
    const old = await enrolHost(controller, admin, "xen2", { features: ["staging.chunks", "staging.used"] });
    try {
      const { body } = await controller.call("DELETE", "/hosts/xen2/staged/Tiny", { token: admin });
      expect(body).toMatchObject({ code: "agent_too_old", message: expect.stringContaining("from xen2") });
    } finally {
      old.kill();
    }
  });

  test("is not told of a host that is silent", async () => {
    agent.kill();
    await expect.poll(async () => (await staged(admin)).code, { timeout: 15_000 }).toBe("host_not_in_contact");
    expect((await remove("Other")).body.code).toBe("host_not_in_contact");
  });
});
