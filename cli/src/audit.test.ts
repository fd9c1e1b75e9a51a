// `convirt audit verify` over files, with no controller: chains as they were exported, pruned ones, and such as somebody tampered with.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type AuditView, auditText, firstPreviousHash } from "@convirt/contract/audit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "convirt-cli-audit-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Telling = { number: number; hash: string } | undefined;

/** A record behind another; `last`: it is that of a pruning, and tells this. */
function record(before: AuditView | undefined, last?: Telling, username = "ada"): AuditView {
  const plain = {
    ...{ number: (before?.number ?? 0) + 1, at: "2026-01-01T00:00:00.000Z", username, token: null, address: "" },
    ...{ via: last === undefined ? ("token" as const) : ("controller" as const), objects: [], reason: null },
    ...{
      action: last === undefined ? "startVm" : "auditPruned",
      asked: JSON.stringify(last === undefined ? {} : { last }),
    },
    ...{ outcome: "done" as const, code: null, message: null, commands: [] },
    previousHash: before?.hash ?? firstPreviousHash,
  };
  return { ...plain, hash: createHash("sha256").update(auditText(plain)).digest("hex") };
}

function chainOf(count: number, username?: string): AuditView[] {
  const chain: AuditView[] = [];
  for (let index = 0; index < count; index += 1) chain.push(record(chain.at(-1), undefined, username));
  return chain;
}

/** Without its first records, and with one that tells of that. */
function pruned(chain: readonly AuditView[], count: number): AuditView[] {
  const last = chain[count - 1];
  if (last === undefined) throw new Error("There is nothing to prune");
  return [...chain.slice(count), record(chain.at(-1), { number: last.number, hash: last.hash })];
}

function verify(chain: readonly AuditView[], { before, head }: { before?: readonly AuditView[]; head?: string } = {}) {
  const write = (name: string, records: readonly AuditView[]) => {
    const path = join(folder, name);
    writeFileSync(path, records.map((one) => `${JSON.stringify(one)}\n`).join(""));
    return path;
  };
  const words = ["audit", "verify", "--file", write("now.jsonl", chain)];
  if (before !== undefined) words.push("--before", write("before.jsonl", before));
  if (head !== undefined) words.push("--head", head);
  return spawnSync(process.execPath, [fileURLToPath(new URL("../bin/convirt.js", import.meta.url)), ...words], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], HOME: folder, CONVIRT_SERVER: "http://127.0.0.1:9", CONVIRT_TOKEN: "none" },
  });
}

describe("convirt audit verify", () => {
  const whole = chainOf(9);
  const now = pruned(whole, 4);

  test("takes a chain that begins where its record of a pruning says, and says so", () => {
    const done = verify(now);
    expect(done.stdout).toMatch(
      /^6 records, each as it was written\. Those before number 5 were pruned, as a record says/,
    );
    expect(done.status).toBe(0);
    expect(verify(pruned(now, 2)).status).toBe(0);
  });

  test("takes what goes on from an export of before, whether that ends at the pruning or behind it", () => {
    for (const end of [4, 6, 9]) {
      const done = verify(now, { before: whole.slice(0, end) });
      expect(done.stdout).toContain("they go on from");
      expect(done.status).toBe(0);
    }
    expect(verify(now, { before: whole, head: whole[1]?.hash ?? "" }).status).toBe(0);
  });

  test.each([
    ["begins later than any record of a pruning says", now.slice(1), {}, /^Record 5 is not in order: it is not there/],
    ["has lost the record of the pruning", now.slice(0, -1), {}, /^Record 1 is not in order: it is not there/],
    [
      "tells another hash of the last that went",
      [...whole.slice(4), record(whole.at(-1), { number: 4, hash: "f".repeat(64) })],
      {},
      /^Record 5 .* does not follow the last that was pruned/,
    ],
    [
      "was written anew, beside an export of before",
      pruned(chainOf(9, "eve"), 4),
      { before: whole.slice(0, 6) },
      /^Record 5 .* does not go on from the export of before/,
    ],
    [
      "does not reach back to the export of before",
      now,
      { before: whole.slice(0, 3) },
      /^Record 5 .* does not go on from the export/,
    ],
    [
      "has a record that was changed in the export of before",
      now,
      { before: [...whole.slice(0, 2), { ...whole[2], username: "eve" } as AuditView] },
      /^Record 3 .* not as it was written, in .*before\.jsonl/,
    ],
    [
      "lacks the record of a hash that was noted down and pruned, when no export has it",
      now,
      { head: whole[1]?.hash ?? "" },
      /noted down is not among them/,
    ],
  ])("refuses a chain that %s", (_how, chain, more, why) => {
    const done = verify(chain, more);
    expect(done.stdout).toMatch(why);
    expect(done.status).toBe(1);
  });
});
