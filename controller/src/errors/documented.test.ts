import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { failureCodes, refusalCodes } from "@convirt/contract/error";
import { describe, expect, test } from "vitest";

const page = readFileSync(fileURLToPath(new URL("../../../docs/errors.md", import.meta.url)), "utf8");
const [refusals = "", rest = ""] = page.split("\n## Failures\n");
const [failures = ""] = rest.split("\n## ");

const folders = ["../../../controller/src", "../../../test/src", "../../../cli/src", "../../../agent/src"];
/** All tests but this one and its like, which name codes without bringing them about. */
const tests = folders
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".test.ts") && !path.endsWith("documented.test.ts"))
      .map((path) => readFileSync(join(folder, path), "utf8")),
  )
  .join("\n");

test.each([...Object.keys(refusalCodes), ...failureCodes])("%s is brought about by a test", (code) => {
  expect(new RegExp(`\\b${code}\\b`).test(tests)).toBe(true);
});

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
