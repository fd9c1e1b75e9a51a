import { DataSource } from "typeorm";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Hosts1764000000002 } from "../database/migrations/0002-hosts.js";
import { HostEntity } from "../hosts/host.entity.js";
import { InventoryService, type Report } from "./inventory.service.js";

let database: DataSource;
let inventory: InventoryService;

beforeEach(async () => {
  database = await new DataSource({
    type: "better-sqlite3",
    database: ":memory:",
    entities: [HostEntity],
    migrations: [Hosts1764000000002],
    migrationsRun: true,
  }).initialize();
  await database.manager.insert(HostEntity, {
    ...{ id: "h", name: "xen1", address: "a:1", fingerprint: "f", draining: false, enrolledAt: "x" },
    ...{ certificateNotAfter: "x", lastContactAt: null, facts: null, factsAt: null, inventory: null },
  });
  inventory = new InventoryService(database);
  await inventory.onModuleInit();
});
afterEach(async () => {
  vi.useRealTimers();
  await database.destroy();
});

function report(freeMemoryMib: number): Report {
  return {
    ...{ takenAt: new Date(), seenAt: new Date(), ageMs: 0, freeMemoryMib, storeFreeBytes: 1, runningJobs: 0 },
    ...{ toolstackError: "", bootId: "b", domains: [] },
  };
}

const domain = {
  ...{ id: 3, name: "web", uuid: "u", state: "running" as const, memoryMib: 64 },
  ...{ vcpus: 1, cpuSeconds: 1 },
};
const other = { ...domain, id: 4, name: "db", uuid: "v" };

const stored = async () => (await database.manager.findOneByOrFail(HostEntity, { id: "h" })).lastContactAt;

test("a report is news when a domain is another, and when the toolstack hangs or answers again; a domain's time is none", async () => {
  expect(await inventory.take("h", { ...report(1), domains: [domain] })).toBe(true);
  expect(await inventory.take("h", { ...report(1), domains: [{ ...domain, cpuSeconds: 2 }] })).toBe(false);
  const hangs = { ...report(1), domains: [domain], toolstackError: "xl has not answered for 10 s" };
  expect(await inventory.take("h", hangs)).toBe(true);
  expect(await inventory.take("h", hangs)).toBe(false);
  expect(await inventory.take("h", { ...hangs, toolstackError: "" })).toBe(true);
  expect(await inventory.take("h", { ...hangs, toolstackError: "", domains: [domain, other] })).toBe(true);
});

test("a report's age is counted by a clock that nobody sets: an hour forward or back changes nothing", async () => {
  vi.useFakeTimers({ toFake: ["Date", "performance"] });
  await inventory.take("h", report(1));
  const hour = 3_600_000;
  const began = Date.now();
  for (const jump of [hour, -2 * hour]) {
    vi.setSystemTime(Date.now() + jump);
    expect(inventory.ageS("h")).toBe(0);
  }
  vi.setSystemTime(began);
  vi.advanceTimersByTime(30_000);
  expect(inventory.ageS("h")).toBe(30);
});

test("a report that says nothing new is still stored once a minute when the clock was set back by an hour", async () => {
  vi.useFakeTimers({ toFake: ["Date", "performance"] });
  await inventory.take("h", report(1));
  vi.setSystemTime(Date.now() - 3_600_000);
  const first = await stored();
  vi.advanceTimersByTime(61_000);
  await inventory.take("h", report(1));
  expect(await stored()).not.toBe(first);
});

test("what a host saw before it said so is as old as that, however often it is heard", async () => {
  vi.useFakeTimers({ toFake: ["Date", "performance"] });
  expect(inventory.sawAgeS("h")).toBeNull();
  await inventory.take("h", { ...report(1), ageMs: 4_000 });
  expect([inventory.ageS("h"), inventory.sawAgeS("h")]).toEqual([0, 4]);
  const saw = inventory.sawAt("h")?.at;
  vi.advanceTimersByTime(60_000);
  await inventory.take("h", { ...report(1), ageMs: 64_000, toolstackError: "xl has not answered for 10 s" });
  expect([inventory.ageS("h"), inventory.sawAgeS("h")]).toEqual([0, 64]);
  expect(inventory.sawAt("h")?.at).toEqual(saw);
  // A controller that is started then has it from the database.
  const next = new InventoryService(database);
  await next.onModuleInit();
  expect(next.sawAgeS("h")).toBe(64);
});

test("an agent that began anew and cannot ask Xen leaves what it told before, unless the host has booted since", async () => {
  vi.useFakeTimers({ toFake: ["Date", "performance"] });
  await inventory.take("h", { ...report(512), domains: [domain] });
  vi.advanceTimersByTime(30_000);
  const knowsNone = { ...report(0), ageMs: null, toolstackError: "xl has not answered for 4 s" };
  await inventory.take("h", knowsNone);
  expect(inventory.domainsOf("h")).toMatchObject({
    ...{ domains: [domain], freeMemoryMib: 512, ageMs: 30_000 },
    toolstackError: "xl has not answered for 4 s",
  });
  await inventory.take("h", { ...knowsNone, bootId: "another" });
  expect(inventory.domainsOf("h")?.domains).toEqual([]);
  expect(inventory.sawAt("h")).toBeUndefined();
});

test("what could not be stored is stored with the next report", async () => {
  await database.query("ALTER TABLE hosts RENAME TO away");
  await expect(inventory.take("h", report(1))).rejects.toThrow();
  await database.query("ALTER TABLE away RENAME TO hosts");
  await inventory.take("h", report(1));
  expect(await stored()).not.toBeNull();
  expect(inventory.domainsOf("h")?.freeMemoryMib).toBe(1);
});

test("a VM that its host says is gone leaves the last report at once, and its name is free; what another report says holds again", async () => {
  await inventory.take("h", { ...report(1), domains: [domain, other] });
  inventory.domainIsGone("h", { id: "u", name: "web" });
  expect(inventory.domainsOf("h")?.domains).toEqual([other]);
  inventory.domainIsGone("nobody", { id: "u", name: "web" });
  await inventory.take("h", { ...report(1), domains: [domain] });
  expect(inventory.domainOf("h", { id: "u", name: "web" })).toEqual(domain);
});
