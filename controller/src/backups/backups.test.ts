import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TestController } from "../testing.js";
import { BackupsService } from "./backups.service.js";

let folder: string;
let controller: TestController;
let token: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "convirt-backups-"));
  controller = await TestController.start({ folder, database: join(folder, "convirt.db") });
  token = await controller.tokenFor("admin");
});
afterEach(() => controller.end());

const copies = () => join(folder, "data", "backups");
const make = () => controller.call("POST", "/backups", { token });
const list = async (query = "") => (await controller.call("GET", `/backups${query}`, { token })).body;
const old = (days: number) => {
  const taken = new Date(Date.now() - days * 86_400_000).toISOString();
  return `convirt-${taken.replaceAll(/[-:.]/g, "")}.db`;
};

describe("a copy of the database", () => {
  test("is whole, for the controller's eyes alone, holds what was stored, and knows that it is a copy", async () => {
    const { status, body } = await make();
    expect(status).toBe(201);
    const path = join(copies(), body.name);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(copies()).mode & 0o777).toBe(0o700);
    expect(statSync(path).size).toBe(body.bytes);
    const copy = new Database(path, { readonly: true });
    expect(copy.pragma("integrity_check")).toEqual([{ integrity_check: "ok" }]);
    expect(copy.prepare("SELECT username FROM users WHERE username = 'admin'").all()).toHaveLength(1);
    expect(copy.prepare("SELECT * FROM restores").all()).toEqual([{ copy_taken_at: body.takenAt, restored_at: null }]);
    copy.close();
    expect(await list()).toMatchObject({ total: 1, folder: copies(), keepDays: 7, lastFailure: null });
    expect((await list()).items).toEqual([body]);
  });

  test("is one for all who ask while it is made", async () => {
    const answers = await Promise.all([make(), make(), make()]);
    expect(new Set(answers.map((answer) => answer.body.name)).size).toBe(1);
    expect(readdirSync(copies())).toHaveLength(1);
  });

  test("is due again by the schedule, and only an admin may ask", async () => {
    expect(Date.parse((await list()).nextAt)).toBeGreaterThan(Date.now());
    const operator = await controller.tokenFor("operator");
    expect((await controller.call("POST", "/backups", { token: operator })).body.code).toBe("forbidden");
    expect((await controller.call("GET", "/backups", { token: operator })).body.code).toBe("forbidden");
  });

  test("takes the place of those that are older than a week, but for the newest three", async () => {
    mkdirSync(copies(), { recursive: true });
    const names = [8, 9, 10, 11].map(old);
    for (const name of [...names, "notes.txt"]) writeFileSync(join(copies(), name), "");
    const { body } = await make();
    expect(readdirSync(copies()).sort()).toEqual([...names.slice(0, 2), body.name, "notes.txt"].sort());
  });

  test("that was cut off is removed by the next one, and is never listed", async () => {
    mkdirSync(copies(), { recursive: true });
    writeFileSync(join(copies(), `${old(0)}.partial`), "half");
    expect((await list()).total).toBe(0);
    await make();
    expect(readdirSync(copies()).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });
});

describe("a copy that cannot be made", () => {
  test("is an error with a code, is counted and shown, and leaves nothing behind", async () => {
    // A file where the folder should be.
    writeFileSync(copies(), "");
    const answer = await make();
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 503, code: "backup_failed" });
    expect(answer.body.message).toContain(copies());
    rmSync(copies());
    expect((await list()).lastFailure.message).toBe(answer.body.message);
    const figures = await (await fetch(`${controller.url}/metrics`)).text();
    expect(figures).toMatch(/^convirt_backup_failures_total 1$/m);
    expect(figures).toMatch(/^convirt_backup_last_success_seconds 0$/m);
    expect(figures).toMatch(/^convirt_backup_last_failure_seconds [1-9]/m);
    expect((await make()).status).toBe(201);
    expect(controller.get(BackupsService).failures).toBe(1);
  });
});
