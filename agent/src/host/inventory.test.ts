import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Log } from "../log.js";
import { plainEnvironment } from "../process/run.js";
import { fakeXen, silentLog, temporaryFolder, until } from "../testing.js";
import { Driver } from "../toolstack/driver.js";
import { Inventory, type InventorySnapshot } from "./inventory.js";

let folder: ReturnType<typeof temporaryFolder>;
let xen: ReturnType<typeof fakeXen>;
let toolstack: Driver;
let inventory: Inventory;
let warnings: string[];

beforeEach(() => {
  folder = temporaryFolder();
  xen = fakeXen(folder.path);
  toolstack = new Driver({ program: xen.xl, name: "xl", environment: plainEnvironment, creates: 1, scopes: false });
  warnings = [];
  const log: Log = { ...silentLog, warn: (message) => warnings.push(message) };
  inventory = new Inventory(toolstack, log);
});
afterEach(() => {
  vi.useRealTimers();
  inventory.stop();
  folder.remove();
});

const never = new AbortController().signal;

async function create(name: string): Promise<void> {
  const path = join(folder.path, name);
  writeFileSync(path, `name = "${name}"\nmemory = 64\n`);
  await toolstack.create(path, never);
}

const names = (snapshot: InventorySnapshot) => snapshot.domains.map((one) => one.name);

test("a snapshot holds domains and memory, and is taken once for all who ask at the same time", async () => {
  const taken = await Promise.all([1, 2, 3].map(() => inventory.snapshot(1000, never)));
  expect(taken[0]).toMatchObject({ freeMemoryMib: 15_360, totalMemoryMib: 16_384 });
  expect(names(taken[0]!)).toEqual(["Domain-0"]);
  expect(taken[0]!.toolstackError).toBeUndefined();
  expect(taken[1]).toBe(taken[0]);
  expect(inventory.facts?.xenVersion).toBe("4.17.7");
});

test("a snapshot that is young enough is given again; an older one is not", async () => {
  const first = await inventory.snapshot(60_000, never);
  await create("web");
  expect(await inventory.snapshot(60_000, never)).toBe(first);
  const later = await inventory.snapshot(-1, never);
  expect(names(later)).toEqual(["Domain-0", "web"]);
  expect(later.freeMemoryMib).toBe(first.freeMemoryMib - 64);
});

test("a refresh during a question is followed by another question", async () => {
  await inventory.snapshot(60_000, never);
  const under = inventory.snapshot(-1, never);
  inventory.refresh();
  const before = await under;
  await create("web");
  inventory.refresh();
  const after = await until(async () => {
    const last = await inventory.snapshot(60_000, never);
    return names(last).includes("web") ? last : undefined;
  });
  expect(after.takenAtMs).toBeGreaterThan(before.takenAtMs);
});

test("what was seen before an act is not given again after it, however young it is", async () => {
  await inventory.snapshot(60_000, never);
  await create("web");
  inventory.invalidate();
  const after = await inventory.snapshot(60_000, never);
  expect(names(after)).toEqual(["Domain-0", "web"]);
  expect(await inventory.snapshot(60_000, never)).toBe(after);
});

test("who watches is told of every new snapshot, until he no longer wants it", async () => {
  const seen: InventorySnapshot[] = [];
  inventory.start();
  const unwatch = inventory.watch((snapshot) => seen.push(snapshot));
  await until(() => seen[0]);
  await create("web");
  inventory.refresh();
  await until(() => seen.find((one) => names(one).includes("web")));
  unwatch();
  const before = seen.length;
  await inventory.snapshot(-1, never);
  expect(seen).toHaveLength(before);
});

test("who begins to watch has a snapshot taken when the last is as old as one who watches may have it, and no sooner", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  await inventory.snapshot(60_000, never);
  const asked = vi.spyOn(toolstack, "list");
  vi.advanceTimersByTime(3_000);
  inventory.watch(() => undefined);
  vi.advanceTimersByTime(6_999);
  expect(asked).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(asked).toHaveBeenCalledOnce();
  // Of nothing that may be given again it is taken at once.
  inventory.invalidate();
  inventory.watch(() => undefined);
  vi.advanceTimersByTime(0);
  await inventory.snapshot(60_000, never);
  expect(asked).toHaveBeenCalledTimes(2);
});

test("a snapshot's age is counted by a clock that nobody sets", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const young = await inventory.snapshot(60_000, never);
  for (const jumpMs of [3_600_000, -7_200_000]) {
    vi.setSystemTime(Date.now() + jumpMs);
    expect(await inventory.snapshot(60_000, never)).toBe(young);
  }
});

test("a toolstack that fails leaves the last domains, with its words beside them, and is told of once", async () => {
  await create("web");
  const good = await inventory.snapshot(0, never);
  xen.misbehave({ list: { exitCode: 1, stderr: "xencall: error: Could not obtain handle\n" } });
  const bad = await inventory.snapshot(-1, never);
  await inventory.snapshot(-1, never);
  expect(bad).toMatchObject({ takenAtMs: good.takenAtMs, domains: good.domains });
  expect(bad.toolstackError).toContain("Could not obtain handle");
  expect(warnings).toHaveLength(1);
  xen.misbehave({});
  expect((await inventory.snapshot(-1, never)).toolstackError).toBeUndefined();
});

test("a toolstack that failed and then hangs is told of by the words with which it failed, once", async () => {
  xen.misbehave({ list: { exitCode: 1, stderr: "xencall: error: Could not obtain handle\n" } });
  const failed = await inventory.snapshot(0, never);
  xen.misbehave({ list: { hang: true } });
  const hangs = await inventory.snapshot(-1, never);
  expect(hangs.toolstackError).toBe(failed.toolstackError);
  expect(warnings).toHaveLength(1);
});

test("a toolstack that hangs holds a caller no longer than he waits, or than is reasonable", async () => {
  const good = await inventory.snapshot(0, never);
  xen.misbehave({ list: { hang: true } });
  const leaving = new AbortController();
  const left = inventory.snapshot(-1, leaving.signal);
  leaving.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  const given = await inventory.snapshot(-1, never);
  expect(given).toMatchObject({ takenAtMs: good.takenAtMs, toolstackError: "xl has not answered for 4 s" });
});
