import { randomUUID } from "node:crypto";
import { routes } from "@convirt/contract/routes";
import { DataSource } from "typeorm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inTransaction } from "../database/write-queue.js";
import { TestController } from "../testing.js";
import { VmRecords } from "./vm-records.service.js";

let controller: TestController;
let token: string;
const firstId = randomUUID();

beforeAll(async () => {
  controller = await TestController.start();
  token = await controller.tokenFor("vm_admin");
  await record("web", { vmUuid: firstId, vmConf: { memory: 512, vcpus: "2" } });
  await record("db", { host: "xen2", image: "Big", vmConf: { memory: 2048 } });
  await record("Web-test", { vmConf: {} });
});
afterAll(() => controller.end());

async function record(vm: string, more: { vmUuid?: string; host?: string; image?: string; vmConf: object }) {
  const { vmUuid = randomUUID(), host = "xen1", image = "Tiny", vmConf } = more;
  const disks = [{ target: `/vm/${vm}.img`, device: "xvda", format: "raw", bytes: 1024, writable: true }];
  const made = { id: randomUUID(), vm, vmUuid, hostId: randomUUID(), host, image, imageVersion: "0".repeat(64), disks };
  const files = { vmConfigPath: `/vm/${vm}`, vmConfig: `name = "${vm}"\n` };
  const options = { imageConf: {}, vmConf: { ...vmConf } };
  await inTransaction(controller.get(DataSource), (tx) =>
    controller.get(VmRecords).record(tx, { ...made, ...files, options }),
  );
}

const call = (method: string, path: string) => controller.call(method, path, { token });
const names = async (query: string) =>
  (await call("GET", `/vms?${query}`)).body.items.map((vm: { name: string }) => vm.name);

describe("VMs", () => {
  test("are listed in pages, sorted and filtered", async () => {
    const { body } = await call("GET", "/vms?perPage=2");
    expect(routes.listVms.response.parse(body)).toEqual(body);
    expect(body).toMatchObject({ total: 3, page: 1, perPage: 2 });
    expect(await names("sort=-memoryMib&perPage=1&page=2")).toEqual(["db"]);
    expect(await names("sort=memoryMib")).toEqual(["web", "db", "Web-test"]);
    expect(await names("name=WEB&sort=-name")).toEqual(["web", "Web-test"]);
    expect(await names("image=Big")).toEqual(["db"]);
    expect(await names("host=xen1&image=Big")).toEqual([]);
    expect(await names("state=unknown&page=9")).toEqual([]);
  });

  test("are not listed by a field that nobody knows", async () => {
    expect((await call("GET", "/vms?sort=disks")).body.code).toBe("bad_request");
    const { status, body } = await call("GET", "/vms?hosts=xen1");
    expect({ status, code: body.code, fields: body.fields }).toEqual({
      status: 400,
      code: "invalid_body",
      fields: [{ path: "hosts", message: "is not known here" }],
    });
  });

  test("are shown with what was recorded, by name and by id, and as unknown while their host has said nothing", async () => {
    const { body } = await call("GET", "/vms/web");
    expect(routes.showVm.response.parse(body)).toEqual(body);
    expect(body).toMatchObject({ id: firstId, memoryMib: 512, vcpus: 2, state: "unknown", stateAt: null });
    expect((await call("GET", `/vms/${firstId}`)).body.name).toBe("web");
    expect((await call("GET", "/vms/nobody")).body.code).toBe("not_found");
  });

  test("that are named as another's id do not stand in for it", async () => {
    await record(firstId, { vmConf: {} });
    expect((await call("GET", `/vms/${firstId}`)).body.name).toBe("web");
  });

  test("of a host that is away are neither acted on nor removed; with force the record alone goes", async () => {
    for (const act of ["start", "shutdown", "destroy"])
      expect((await call("POST", `/vms/db/${act}`)).body.code).toBe("host_not_in_contact");
    expect((await call("DELETE", "/vms/db?disks=true")).body.code).toBe("host_not_in_contact");
    const { body } = await call("DELETE", "/vms/db?disks=true&force=true");
    expect(body).toEqual({ removed: [expect.stringContaining("record")], kept: ["/vm/db", "/vm/db.img"] });
    expect((await call("GET", "/vms/db")).status).toBe(404);
  });

  test("are counted for the images that they were made of", async () => {
    expect(await controller.get(VmRecords).countByImage("Tiny")).toBe(3);
    expect([...(await controller.get(VmRecords).countAll())]).toEqual([["Tiny", 3]]);
  });
});
