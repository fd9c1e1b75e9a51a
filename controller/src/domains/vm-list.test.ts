// VMs in pages, with what hosts report: the order of every field, filters together, and that no row is read that is not shown.
import { randomUUID } from "node:crypto";
import { DataSource } from "typeorm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inTransaction } from "../database/write-queue.js";
import { HostEntity } from "../hosts/host.entity.js";
import { InventoryService } from "../inventory/inventory.service.js";
import { TestController } from "../testing.js";
import { plansOf } from "../testing-plans.js";
import { VmRecords } from "./vm-records.service.js";

let controller: TestController;
let token: string;
const hostIds = { xen1: randomUUID(), xen2: randomUUID(), silent: randomUUID() };
const states = ["running", "paused", "running", undefined] as const;

beforeAll(async () => {
  controller = await TestController.start();
  token = await controller.tokenFor("viewer");
  const database = controller.get(DataSource);
  const names = Object.entries(hostIds);
  await inTransaction(database, (tx) =>
    tx.insert(
      HostEntity,
      names.map(([name, id]) => ({
        ...{ id, name, address: "a:1", fingerprint: "f", draining: false, enrolledAt: "x", certificateNotAfter: "x" },
        ...{ lastContactAt: null, facts: null, factsAt: null, inventory: null },
      })),
    ),
  );
  const made = names.flatMap(([host, hostId]) =>
    states.map((state, index) => ({ host, hostId, vm: `${host}-vm_${index}`, state, vmUuid: randomUUID(), index })),
  );
  await inTransaction(database, async (tx) => {
    for (const { index, state: _, ...vm } of made)
      await controller.get(VmRecords).record(tx, {
        ...{ ...vm, id: randomUUID(), image: `I${index % 2}`, imageVersion: "0".repeat(64) },
        ...{ vmConfigPath: "/c", vmConfig: "", disks: [] },
        options: { imageConf: {}, vmConf: index === 3 ? {} : { memory: 64 * (3 - index), vcpus: 1 } },
      });
  });
  for (const [name, id] of names)
    if (name !== "silent")
      await controller.get(InventoryService).take(id, {
        ...{ takenAt: new Date(), seenAt: new Date(), ageMs: 0, freeMemoryMib: 1, storeFreeBytes: 1, runningJobs: 0 },
        ...{ toolstackError: "", bootId: "b" },
        domains: made.flatMap(({ hostId, state, vm, vmUuid, index }) =>
          hostId !== id || state === undefined
            ? []
            : [{ id: index + 1, name: vm, uuid: vmUuid, state, memoryMib: 64, vcpus: 1, cpuSeconds: 1 }],
        ),
      });
});
afterAll(() => controller.end());

async function list(query: string): Promise<{ names: string[]; total: number }> {
  const { body } = await controller.call("GET", `/vms?${query}`, { token });
  return { names: body.items.map(({ name }: { name: string }) => name), total: body.total };
}

describe("a list of VMs", () => {
  test("is filtered by state beside all that is stored, whatever it is sorted by, in pages", async () => {
    expect(await list("state=running&sort=-name&perPage=3")).toEqual({
      names: ["xen2-vm_2", "xen2-vm_0", "xen1-vm_2"],
      total: 4,
    });
    expect(await list("state=running&sort=-name&perPage=3&page=2")).toEqual({ names: ["xen1-vm_0"], total: 4 });
    expect(await list("state=stopped&host=xen2")).toEqual({ names: ["xen2-vm_3"], total: 1 });
    expect(await list("state=paused&image=I0")).toEqual({ names: [], total: 0 });
    expect((await list("state=unknown")).total).toBe(4);
  });

  test("is sorted by state, and by name where states are alike", async () => {
    const { names } = await list("sort=state&perPage=6");
    expect(names).toEqual(["xen1-vm_1", "xen2-vm_1", "xen1-vm_0", "xen1-vm_2", "xen2-vm_0", "xen2-vm_2"]);
    expect((await list("sort=-state&perPage=4")).names.every((name) => name.startsWith("silent"))).toBe(true);
  });

  test("has what is not there behind everything, and before everything when it is turned round", async () => {
    expect((await list("sort=memoryMib&host=xen1")).names.map((name) => name.at(-1))).toEqual(["2", "1", "0", "3"]);
    expect((await list("sort=-memoryMib&host=xen1")).names.map((name) => name.at(-1))).toEqual(["3", "0", "1", "2"]);
  });

  test("takes a part of a name by its letters: neither _ nor % stands for another", async () => {
    expect((await list("name=VM_1")).total).toBe(3);
    expect((await list("name=vm%25")).total).toBe(0);
    expect((await list("name=-_m")).total).toBe(0);
  });

  test("reads no row that it does not show: the index has all that it is filtered, sorted and counted by", async () => {
    const queries = ["", "sort=-host", "sort=memoryMib", "sort=-createdAt", "host=xen1&name=vm", "image=I0&sort=vcpus"];
    const plans = await plansOf(controller, "vms", async () => {
      for (const query of [...queries, "sort=state", "state=running&sort=-image"]) await list(query);
    });
    expect(plans.length).toBeGreaterThanOrEqual(queries.length);
    for (const { sql, plan } of plans) expect(`${sql}\n${plan}`).toMatch(/COVERING INDEX/);
  });
});
