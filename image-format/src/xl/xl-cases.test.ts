import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { flattenXlOptions, parseXlConfig } from "./config.js";
import { parseXlDisk } from "./disk.js";

interface Case {
  kind: "config" | "disk";
  input: string;
  accepted: boolean;
  options?: Record<string, string> | null;
  disk?: Record<string, unknown> | null;
}

const cases = JSON.parse(readFileSync(new URL("../../format-cases/xl-cases.json", import.meta.url), "utf8")) as Case[];

describe("parseXlConfig() says what Xen's parser said", () => {
  test.each(cases.filter((one) => one.kind === "config"))("of $input", ({ input, accepted, options }) => {
    const verdict = parseXlConfig(input);
    expect(verdict.accepted).toBe(accepted);
    if (verdict.accepted) expect(flattenXlOptions(verdict.options)).toMatchObject(options ?? {});
    else expect(verdict.diagnostics).toHaveLength(1);
  });
});

describe("parseXlDisk() says what Xen's parser said", () => {
  test.each(cases.filter((one) => one.kind === "disk"))("of $input", ({ input, accepted, disk }) => {
    const verdict = parseXlDisk(input);
    expect(verdict.accepted).toBe(accepted);
    if (verdict.accepted) expect(verdict.disk).toEqual(disk);
  });
});
