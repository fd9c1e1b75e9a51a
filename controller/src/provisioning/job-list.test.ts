// Jobs in pages: the order of every field, filters together, what one may see, and that no row is read that is not shown.
import { randomUUID } from "node:crypto";
import { DataSource } from "typeorm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AccessService } from "../access/access.service.js";
import { inTransaction } from "../database/write-queue.js";
import { TestController } from "../testing.js";
import { plansOf } from "../testing-plans.js";
import type { JobEntity } from "./job.entity.js";
import { JobRecorder } from "./job-recorder.js";

let controller: TestController;
let token: string;

beforeAll(async () => {
  controller = await TestController.start();
  token = await controller.tokenFor("viewer");
  await inTransaction(controller.get(DataSource), async (tx) => {
    for (let index = 0; index < 12; index += 1) await controller.get(JobRecorder).create(tx, jobOf(index));
  });
});
afterAll(() => controller.end());

function jobOf(index: number): JobEntity {
  const status = (["succeeded", "failed", "lost"] as const)[index % 3] ?? "lost";
  return {
    ...{ id: randomUUID(), number: 0, restored: false, status, phase: null, image: `I${index % 2}` },
    ...{ imageVersion: "0".repeat(64), hostId: randomUUID(), host: `xen${index % 4}`, vm: `vm-${index}` },
    ...{ vmClaim: null, vmUuid: randomUUID(), start: false, requestedBy: index < 6 ? "ada" : "grace" },
    ...{ requestedById: "u", idempotencyKey: null, sealed: null, secretNames: null, reason: null, retryOf: null },
    ...{
      request: {
        ...{ image: "I", host: "xen1", vm: "x", imageConf: {}, vmConf: {} },
        ...{ start: false, replaceDisks: false, cleanOnFailure: false },
      },
      options: { imageConf: {}, vmConf: {} },
      spec: { trees: [], imageConf: "", vmConf: "", timeoutMs: 0 },
    },
    // The clock went back in the middle; the last has not begun.
    ...{ createdAt: `2026-01-0${1 + (index % 6)}T00:00:00.000Z`, endedAt: null },
    ...{ startedAt: index === 11 ? null : `2026-01-01T00:00:${String(59 - index).padStart(2, "0")}.000Z` },
    ...{ code: null, message: null, exitCode: null, logBytes: 0, logSha256: null, logFault: null, logCut: false },
    ...{ lastSequence: 0, agentSequence: 0, staging: null, phases: [], proofs: [], leftovers: [], cleaned: [] },
    ...{ disks: [], vmConfigPath: null, vmConfig: null },
  };
}

async function list(query: string, as = token): Promise<{ vms: number[]; total: number }> {
  const { body } = await controller.call("GET", `/jobs?${query}`, { token: as });
  return { vms: body.items.map(({ vm }: { vm: string }) => Number(vm.slice("vm-".length))), total: body.total };
}

describe("a list of jobs", () => {
  test("has the newest first, by the order in which they were made and not by the clock", async () => {
    expect((await list("perPage=4")).vms).toEqual([11, 10, 9, 8]);
    expect((await list("perPage=5&page=3&sort=createdAt")).vms).toEqual([10, 11]);
    expect(await list("perPage=5&page=4")).toEqual({ vms: [], total: 12 });
  });

  test("is sorted by a field both ways, the one the mirror of the other", async () => {
    for (const field of ["startedAt", "endedAt", "status", "image", "host", "vm", "requestedBy"]) {
      const { vms } = await list(`sort=${field}`);
      expect((await list(`sort=-${field}`)).vms).toEqual([...vms].reverse());
    }
    expect((await list("sort=startedAt")).vms.slice(-2)).toEqual([0, 11]);
    expect((await list("sort=status&perPage=4")).vms).toEqual([1, 4, 7, 10]);
  });

  test("is filtered by all that is given", async () => {
    expect(await list("status=failed&image=I1&sort=vm")).toEqual({ vms: [1, 7], total: 2 });
    expect(await list("host=xen3&status=succeeded")).toEqual({ vms: [3], total: 1 });
    expect(await list("vm=vm-5")).toEqual({ vms: [5], total: 1 });
  });

  test("has those on hosts that one may see, counted too", async () => {
    const limited = await controller.tokenFor("viewer", "host:xen1");
    const subject = { kind: "user", name: "a-viewer-host-xen1" } as const;
    await controller.get(AccessService).give({ subject, role: "viewer", scope: "host:xen2*" }, "admin");
    expect(await list("sort=host", limited)).toEqual({ vms: [1, 5, 9, 2, 6, 10], total: 6 });
    expect(await list("host=xen3", limited)).toEqual({ vms: [], total: 0 });
  });

  test("reads no row that it does not show: an index has all that it is filtered, sorted and counted by", async () => {
    const plans = await plansOf(controller, "jobs", async () => {
      for (const field of ["createdAt", "startedAt", "endedAt", "status", "image", "host", "vm", "requestedBy"])
        await list(`sort=${field}`);
      for (const query of [
        "status=lost",
        "status=lost&sort=startedAt",
        "host=xen1&sort=-endedAt",
        "vm=vm-1",
        "image=I0",
      ])
        await list(query);
    });
    expect(plans.length).toBeGreaterThan(15);
    for (const { sql, plan } of plans) expect(`${sql}\n${plan}`).toMatch(/COVERING INDEX/);
  });
});
