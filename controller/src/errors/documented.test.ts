import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { failureCodes, refusalCodes } from "@convirt/contract/error";
import { describe, expect, test } from "vitest";

const page = readFileSync(fileURLToPath(new URL("../../../docs/errors.md", import.meta.url)), "utf8");
const [refusals = "", rest = ""] = page.split("\n## Failures\n");
const [failures = ""] = rest.split("\n## ");

describe("docs/errors.md", () => {
  test("lists the refusals of the API with their HTTP status, all of them and no other", () => {
    const rows = [...refusals.matchAll(/^\| `([a-z_]+)` \| (\d{3}) \| (.+) \|$/gm)];
    expect(Object.fromEntries(rows.map(([, code, status]) => [code, Number(status)]))).toEqual(refusalCodes);
    for (const [row, , , meaning] of rows) expect(meaning?.trim(), row).not.toBe("");
  });

  test("lists the failures of a job, all of them and no other", () => {
    const rows = [...failures.matchAll(/^\| `([a-z_]+)` \| (.+) \|$/gm)].map(([, code]) => code);
    expect(rows).toEqual([...failureCodes]);
  });
});
