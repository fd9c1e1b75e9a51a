import { spawn } from "node:child_process";
import { once } from "node:events";
import { linkSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataSource } from "typeorm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { UserEntity } from "../auth/user.entity.js";
import { TestController } from "../testing.js";
import { AnotherController, lockDatabase } from "./lock.js";
import { migrations } from "./migrations.js";
import { pageOf, rowsOf, sortBy } from "./paging.js";
import { inTransaction } from "./write-queue.js";

describe("the database", () => {
  let controller: TestController;
  let database: DataSource;
  beforeAll(async () => {
    controller = await TestController.start();
    database = controller.get(DataSource);
  });
  afterAll(() => controller.end());

  test("has the very columns that the entities name: migrations and entities have not drifted apart", async () => {
    const { upQueries } = await database.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
    expect(database.entityMetadatas.length).toBeGreaterThan(8);
    expect(database.options.synchronize).toBe(false);
  });

  test("keeps foreign keys, and waits for whoever writes", async () => {
    expect(await database.query("PRAGMA foreign_keys")).toEqual([{ foreign_keys: 1 }]);
    expect(await database.query("PRAGMA busy_timeout")).toEqual([{ timeout: 5000 }]);
  });

  test("runs one transaction after another: a rollback of one undoes nothing of another", async () => {
    const user = (username: string) => ({
      ...{ id: username, username, passwordHash: "x", groups: [], createdAt: "x", lastSignInAt: null },
    });
    let order = "";
    const failing = inTransaction(database, async (tx) => {
      await tx.insert(UserEntity, user("undone"));
      await new Promise((resolve) => setImmediate(resolve));
      order += "1";
      throw new Error("no");
    });
    const holding = inTransaction(database, async (tx) => {
      order += "2";
      await tx.insert(UserEntity, user("kept"));
    });
    await expect(failing).rejects.toThrow("no");
    await holding;
    expect(order).toBe("12");
    expect(await database.manager.existsBy(UserEntity, { username: "undone" })).toBe(false);
    expect(await database.manager.existsBy(UserEntity, { username: "kept" })).toBe(true);
  });
});

test("the migrations can be undone to nothing, and done again", async () => {
  const database = new DataSource({ type: "better-sqlite3", database: ":memory:", migrations });
  await database.initialize();
  const tables = async () =>
    ((await database.query("SELECT name FROM sqlite_master WHERE type = 'table'")) as { name: string }[])
      .map(({ name }) => name)
      .filter((name) => !/^(sqlite_|migrations$)/.test(name));
  await database.runMigrations();
  const all = await tables();
  for (const _ of migrations) await database.undoLastMigration();
  expect(await tables()).toEqual([]);
  await database.runMigrations();
  expect(await tables()).toEqual(all);
  await database.destroy();
});

describe("the lock", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "convirt-lock-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("lets one controller at a database at a time, and names the other's process", () => {
    const path = join(folder, "convirt.db");
    const unlock = lockDatabase(path);
    expect(() => lockDatabase(path)).toThrow(AnotherController);
    expect(() => lockDatabase(path)).toThrow(`another controller (process ${process.pid})`);
    unlock();
    lockDatabase(path)();
  });

  test("is one for the file, whatever path or symbolic link leads to it, and holds before the file is there", () => {
    const path = join(folder, "convirt.db");
    symlinkSync(folder, join(folder, "elsewhere"));
    symlinkSync("convirt.db", join(folder, "link.db"));
    symlinkSync(join(folder, "elsewhere", "link.db"), join(folder, "link-to-link.db"));
    const others = [`${folder}/./x/../convirt.db`.replace("/x/..", ""), join(folder, "elsewhere", "convirt.db")];
    for (const isThere of [false, true]) {
      if (isThere) writeFileSync(path, "");
      const unlock = lockDatabase(path);
      for (const other of [...others, join(folder, "link.db"), join(folder, "link-to-link.db")])
        expect(() => lockDatabase(other), other).toThrow(`another controller (process ${process.pid})`);
      unlock();
      const unlockLink = lockDatabase(join(folder, "link-to-link.db"));
      expect(() => lockDatabase(path)).toThrow(AnotherController);
      unlockLink();
    }
  });

  test("is refused for a file with several names, and for a link that leads nowhere", () => {
    const path = join(folder, "convirt.db");
    writeFileSync(path, "");
    linkSync(path, join(folder, "second.db"));
    expect(() => lockDatabase(path)).toThrow(/2 names \(hard links\)/);
    symlinkSync("b", join(folder, "a"));
    symlinkSync("a", join(folder, "b"));
    expect(() => lockDatabase(join(folder, "a"))).toThrow(/leads nowhere/);
  });

  test("is let go of when its process dies, however it dies", async () => {
    const path = join(folder, "convirt.db");
    const holding = `
      import Database from "better-sqlite3";
      const lock = new Database(process.argv[1] + ".lock");
      lock.pragma("locking_mode = EXCLUSIVE");
      lock.exec("BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (at TEXT)");
      process.stdout.write("held");
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", holding, path], { cwd: import.meta.dirname });
    await once(child.stdout, "data");
    expect(() => lockDatabase(path)).toThrow(AnotherController);
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    lockDatabase(path)();
  });
});

describe("a list", () => {
  const items = [
    { name: "b", age: 2 },
    { name: "a", age: null },
    { name: "c", age: 10 },
  ];

  test("is sorted by a field that may be sorted by, numbers by size and what is not there last", () => {
    const by = (sort: string) => sortBy(items, sort, ["name", "age"]).map(({ name }) => name);
    expect(by("name")).toEqual(["a", "b", "c"]);
    expect(by("-name")).toEqual(["c", "b", "a"]);
    expect(by("age")).toEqual(["b", "c", "a"]);
    expect(() => sortBy(items, "age", ["name"])).toThrow(/the fields are name/);
    expect(() => sortBy(items, "__proto__", ["name"])).toThrow(/Cannot sort/);
  });

  test("is cut into pages", () => {
    expect(pageOf(items, { page: 2, perPage: 2 })).toEqual({ items: [items[2]], total: 3, page: 2, perPage: 2 });
    expect(pageOf(items, { page: 9, perPage: 2 }).items).toEqual([]);
  });

  test("is counted from its end behind the middle, and has the same pages so", () => {
    for (const total of [0, 1, 7, 8, 9, 16])
      for (let page = 1; page <= 7; page += 1) {
        const all = Array.from({ length: total }, (_, index) => index);
        const { offset, limit, fromEnd } = rowsOf({ page, perPage: 4 }, total);
        const rows = (fromEnd ? [...all].reverse() : all).slice(offset, offset + limit);
        expect(offset).toBeLessThanOrEqual(total / 2);
        expect(fromEnd ? rows.reverse() : rows).toEqual(all.slice((page - 1) * 4, page * 4));
      }
  });
});
