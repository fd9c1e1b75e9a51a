// Records that are pruned: which, what stays of them, and what whoever checks the chain finds when somebody tampered with that.
import type { AuditVerified, AuditView } from "@convirt/contract/audit";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { inTransaction } from "../database/write-queue.js";
import { TestController } from "../testing.js";
import { AuditService } from "./audit.service.js";
import { AuditRetention } from "./retention.service.js";

const alwaysKept = 1_000;
const dayMs = 86_400_000;
let controller: TestController;
let token: string;

beforeEach(async () => {
  controller = await TestController.start({ environment: { CONVIRT_AUDIT_KEEP_DAYS: "30" } });
  token = await controller.tokenFor("admin");
});
afterEach(async () => {
  vi.useRealTimers();
  await controller.end();
});

/** As many records, written so many days ago. */
async function records(count: number, daysAgo: number): Promise<void> {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - daysAgo * dayMs });
  await inTransaction(controller.get(DataSource), async (tx) => {
    for (let index = 0; index < count; index += 1)
      await controller.get(AuditService).addIn(tx, {
        ...{ username: "ada", via: "token", token: "t", address: "", action: "startVm", objects: ["vm web"] },
        ...{ reason: null, asked: "{}", outcome: "done", code: null, message: null, commands: [] },
      });
  });
  vi.useRealTimers();
}

const prune = () => controller.get(AuditRetention).prune();
const sql = (text: string) => controller.get(DataSource).query(text) as Promise<Record<string, unknown>[]>;
const verified = async () => (await controller.call("GET", "/audit/verify", { token })).body as AuditVerified;
async function numbers(): Promise<{ first: unknown; count: unknown }> {
  const [row] = await sql("SELECT MIN(number) AS first, COUNT(*) AS count FROM audit");
  return { first: row?.["first"], count: row?.["count"] };
}

describe("pruning the audit", () => {
  test("takes what is older than the settings say, keeps an anchor, and is a record itself; the chain is whole", async () => {
    await records(12, 40);
    await records(alwaysKept, 10);
    expect(await prune()).toBe(12);
    expect(await numbers()).toEqual({ first: 13, count: alwaysKept + 1 });
    const [anchor] = await sql("SELECT number, hash FROM audit_anchor");
    const { items } = (await controller.call("GET", "/audit?perPage=1", { token })).body as { items: AuditView[] };
    expect(items[0]).toMatchObject({
      ...{ number: alwaysKept + 13, action: "auditPruned", via: "controller", objects: ["records 1 to 12"] },
    });
    expect(JSON.parse(items[0]?.asked ?? "")).toMatchObject({ last: anchor, records: 12 });
    expect(await verified()).toMatchObject({ ok: true, records: alwaysKept + 1, anchor, broken: null });
    expect(await prune()).toBe(0);
  });

  test("goes on from its last anchor when more has grown old", async () => {
    await records(5, 60);
    await records(5, 40);
    await records(alwaysKept, 10);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 20 * dayMs });
    expect(await prune()).toBe(5);
    vi.useRealTimers();
    expect(await prune()).toBe(5);
    expect(await verified()).toMatchObject({ ok: true, anchor: { number: 10 }, broken: null });
  });

  test("never takes the newest thousand, whatever the clock says, nor what stands behind a younger record", async () => {
    await records(3, 40);
    await records(1, 1);
    await records(alwaysKept, 40);
    expect(await prune()).toBe(3);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3650 * dayMs });
    await prune();
    await prune();
    vi.useRealTimers();
    expect(Number((await numbers()).count)).toBeGreaterThanOrEqual(alwaysKept);
    expect((await verified()).ok).toBe(true);
  });

  test("of many is done in batches, of which each leaves the chain whole", async () => {
    await records(5_010, 40);
    await records(alwaysKept, 1);
    expect(await prune()).toBe(5_010);
    const { body } = await controller.call("GET", "/audit?action=auditPruned&sort=number", { token });
    expect(body.items.map(({ objects }: AuditView) => objects)).toEqual([
      ["records 1 to 5000"],
      ["records 5001 to 5010"],
    ]);
    expect((await verified()).ok).toBe(true);
  }, 120_000);

  test.each([
    [
      "the anchor was moved over more records",
      "DELETE FROM audit WHERE number < 21; UPDATE audit_anchor SET number = 20, hash = (SELECT previous_hash FROM audit WHERE number = 21)",
      13,
      "it is not there",
    ],
    [
      "the anchor names another hash",
      `UPDATE audit_anchor SET hash = '${"f".repeat(64)}'`,
      12,
      "what is noted of the last",
    ],
    ["the anchor is gone", "DELETE FROM audit_anchor", 12, "what is noted of the last"],
    ["a record behind the anchor was taken out", "DELETE FROM audit WHERE number = 13", 13, "it is not there"],
    [
      "the record of the pruning was taken from the end",
      "DELETE FROM audit WHERE action = 'auditPruned'",
      1,
      "it is not there",
    ],
    [
      "a record that was pruned is there again",
      `INSERT INTO audit SELECT 12, at, username, via, token, address, action, objects, reason, asked, outcome, code, message, commands, '${"0".repeat(64)}', previous_hash FROM audit WHERE number = 13`,
      12,
      "it is not as it was written",
    ],
  ])("is found out when %s", async (_how, tampering, number, why) => {
    await records(12, 40);
    await records(alwaysKept, 10);
    await prune();
    for (const statement of tampering.split("; ")) await sql(statement);
    const { ok, broken } = await verified();
    expect(ok).toBe(false);
    expect(broken).toMatchObject({ number, why: expect.stringContaining(why) });
  });
});

test("records are kept for ever unless the settings say otherwise", async () => {
  const other = await TestController.start();
  expect(await other.get(AuditRetention).prune()).toBe(0);
  await other.end();
});
