import { randomUUID } from "node:crypto";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TestController } from "../testing.js";
import { HostEntity } from "./host.entity.js";

let controller: TestController;
let token: string;

beforeEach(async () => {
  controller = await TestController.start();
  token = await controller.tokenFor("admin");
});
afterEach(() => controller.end());

const database = () => controller.get(DataSource).manager;

/** A host that was enrolled once, as the database remembers it. */
async function remember(name: string, change: Partial<HostEntity> = {}): Promise<string> {
  const id = randomUUID();
  const at = new Date(Date.now() - 3_600_000).toISOString();
  await database().insert(HostEntity, {
    ...{ id, name, address: "127.0.0.1:9", fingerprint: "0", draining: false, enrolledAt: at },
    ...{ certificateNotAfter: at, lastContactAt: at, facts: null, factsAt: null, inventory: null },
    ...change,
  });
  return id;
}

const list = async (query = "") => (await controller.call("GET", `/hosts${query}`, { token })).body;
const names = (page: { items: { name: string }[] }) => page.items.map((host) => host.name);

describe("the list of hosts", () => {
  test("shows the invited, and the silent with the age of their last contact", async () => {
    await remember("xen1");
    await controller.call("POST", "/hosts/invitations", { token, body: { host: "xen2" } });
    const page = await list();
    expect(page.items).toEqual([
      expect.objectContaining({ name: "xen1", contact: "silent", facts: null }),
      expect.objectContaining({ name: "xen2", contact: "invited", lastContactAgeS: null, id: "" }),
    ]);
    expect(page.items[0].lastContactAgeS).toBeGreaterThanOrEqual(3600);
  });

  test("is paged, sorted and filtered", async () => {
    for (const name of ["b", "a", "d", "c"]) await remember(name);
    await controller.call("POST", "/hosts/invitations", { token, body: { host: "invited" } });
    expect(names(await list("?sort=-name&perPage=2&page=2"))).toEqual(["c", "b"]);
    expect((await list("?perPage=2&page=2")).total).toBe(5);
    expect(names(await list("?contact=invited"))).toEqual(["invited"]);
    expect(names(await list("?name=d"))).toEqual(["d", "invited"]);
    expect((await list("?sort=fingerprint")).code).toBe("bad_request");
    expect((await list("?contact=nowhere")).code).toBe("invalid_body");
  });
});

describe("a host", () => {
  test("is drained and takes jobs again, and says so", async () => {
    await remember("xen1");
    const drain = (draining: boolean) => controller.call("POST", "/hosts/xen1/drain", { token, body: { draining } });
    expect((await drain(true)).body.draining).toBe(true);
    expect((await list()).items[0].draining).toBe(true);
    expect((await drain(false)).body.draining).toBe(false);
    const nowhere = await controller.call("POST", "/hosts/none/drain", { token, body: { draining: true } });
    expect(nowhere.body.code).toBe("not_found");
  });

  test("is not removed while a VM or a job under way is recorded for it, and then nothing of it changes", async () => {
    const id = await remember("xen1");
    await controller.call("POST", "/hosts/invitations", { token, body: { host: "xen1" } });
    // Rows of other rooms, of which this one knows the table and the host alone.
    await insertRow("vms", { host_id: id });
    const answer = await controller.call("DELETE", "/hosts/xen1", { token });
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 409, code: "host_in_use" });
    expect(answer.body.details).toEqual({ vms: 1, jobs: 0 });
    expect(await database().count(HostEntity)).toBe(1);
    expect(await database().query("SELECT COUNT(*) AS n FROM invitations")).toEqual([{ n: 1 }]);
    expect((await controller.call("DELETE", "/hosts/xen1?force=true", { token })).body).toEqual({ ok: true });
    expect(await database().count(HostEntity)).toBe(0);
    expect(await database().query("SELECT COUNT(*) AS n FROM invitations")).toEqual([{ n: 0 }]);
  });

  test("is removed although jobs of it are recorded that have ended", async () => {
    const id = await remember("xen1");
    await insertRow("jobs", { host_id: id, ended_at: "2026-01-01T00:00:00.000Z" });
    expect((await controller.call("DELETE", "/hosts/xen1", { token })).status).toBe(200);
    const other = await remember("xen2");
    await insertRow("jobs", { host_id: other, ended_at: null, number: "2" });
    expect((await controller.call("DELETE", "/hosts/xen2", { token })).body.code).toBe("host_in_use");
  });

  test("that was invited and never came is removed with its invitation", async () => {
    await controller.call("POST", "/hosts/invitations", { token, body: { host: "xen1" } });
    expect((await controller.call("DELETE", "/hosts/xen1", { token })).status).toBe(200);
    expect((await controller.call("DELETE", "/hosts/xen1", { token })).body.code).toBe("not_found");
    expect((await controller.call("GET", "/hosts/xen1", { token })).body.code).toBe("not_found");
  });
});

/** A row with something in every column that must have it. */
async function insertRow(table: string, values: Record<string, string | null>): Promise<void> {
  const columns = (await database().query(`PRAGMA table_info(${table})`)) as {
    name: string;
    type: string;
    notnull: number;
  }[];
  await database().query("PRAGMA foreign_keys = OFF");
  const row = Object.fromEntries(
    columns
      .filter(({ name, notnull }) => notnull === 1 || name in values)
      .map(({ name, type }) => [name, name in values ? values[name] : /int|bool/i.test(type) ? 0 : randomUUID()]),
  );
  const marks = Object.keys(row).map(() => "?");
  await database().query(
    `INSERT INTO ${table} (${Object.keys(row).join(", ")}) VALUES (${marks.join(", ")})`,
    Object.values(row),
  );
}
