import { mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TestController } from "../testing.js";
import { WriteAheadLog } from "./wal.js";
import { inUnsyncedTransaction } from "./write-queue.js";

let folder: string;
let controller: TestController;
let database: DataSource;
let wal: WriteAheadLog;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "convirt-wal-"));
  controller = await TestController.start({ folder, database: join(folder, "convirt.db") });
  database = controller.get(DataSource);
  wal = controller.get(WriteAheadLog);
  await database.query("CREATE TABLE grown (bytes BLOB)");
});
afterEach(() => controller.end());

const bytesOf = (name: string) => statSync(join(folder, name)).size;
const grow = (mib: number) =>
  inUnsyncedTransaction(database, (tx) =>
    tx.query("INSERT INTO grown (bytes) VALUES (?)", [Buffer.alloc(mib * 1024 * 1024)]),
  );
const syncing = async () => (await database.query("PRAGMA synchronous"))[0].synchronous;

test("much of it is moved into the database by a thread, and the log begins anew behind it", async () => {
  await grow(6);
  expect(bytesOf("convirt.db")).toBeLessThan(6 * 1024 * 1024);
  await wal.synced();
  await vi.waitFor(() => expect(bytesOf("convirt.db")).toBeGreaterThan(6 * 1024 * 1024), 10_000);
  await vi.waitFor(async () => {
    const before = bytesOf("convirt.db-wal");
    await grow(0);
    const after = bytesOf("convirt.db-wal");
    await wal.synced();
    expect(after).toBeLessThanOrEqual(before);
  }, 10_000);
});

test("little of it is left where it is", async () => {
  await grow(1);
  const before = bytesOf("convirt.db");
  await wal.synced();
  expect(bytesOf("convirt.db")).toBe(before);
  expect(bytesOf("convirt.db-wal")).toBeGreaterThan(1024 * 1024);
});

test("whoever comes after an unsynced transaction is synced again, also when that one failed", async () => {
  expect(await syncing()).toBe(2);
  let within: unknown;
  const failing = inUnsyncedTransaction(database, async (tx) => {
    within = (await tx.query("PRAGMA synchronous"))[0].synchronous;
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  expect(within).toBe(1);
  expect(await syncing()).toBe(2);
});

test("a log that cannot be opened is an error and not a promise kept", async () => {
  const elsewhere = new DataSource({ type: "better-sqlite3", database: join(folder, "absent.db") });
  await expect(new WriteAheadLog(elsewhere).synced()).rejects.toMatchObject({ code: "ENOENT" });
});

test("a database in memory has no log to sync", async () => {
  await new WriteAheadLog(new DataSource({ type: "better-sqlite3", database: ":memory:" })).synced();
});
