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

function read(name: string): Case[] {
  return JSON.parse(readFileSync(new URL(`../../format-cases/${name}`, import.meta.url), "utf8")) as Case[];
}
const cases = read("xl-cases.json");
const edges = read("xl-edge-cases.json");

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

describe("parseXlConfig() and parseXlDisk() agree with Xen 4.17's parsers to the last option", () => {
  test.each(edges.filter((one) => one.kind === "config"))("on the configuration $input", (one) => {
    const verdict = parseXlConfig(one.input);
    const options = verdict.accepted ? { ...flattenXlOptions(verdict.options) } : null;
    expect({ accepted: verdict.accepted, options }).toEqual({ accepted: one.accepted, options: one.options });
  });

  test.each(edges.filter((one) => one.kind === "disk"))("on the disk $input", (one) => {
    const { accepted, disk } = parseXlDisk(one.input);
    expect({ accepted, disk }).toEqual({ accepted: one.accepted, disk: one.disk });
  });

  test("and take what later versions added", () => {
    for (const word of ["trusted", "untrusted", "grant_usage=1", "grant_usage=0,specification=virtio"])
      expect(parseXlDisk(`${word},vdev=xvda,target=/a`).accepted).toBe(true);
    expect(parseXlDisk("grant_usage=2,vdev=xvda,target=/a").accepted).toBe(false);
  });
});

test("parseXlConfig() reads lists 1,000 deep, and refuses deeper ones", () => {
  const nested = (depth: number): string => `k=${"[".repeat(depth)}${"]".repeat(depth)}\n`;
  expect(parseXlConfig(nested(1000)).accepted).toBe(true);
  expect(parseXlConfig(nested(100_000))).toMatchObject({ accepted: false, diagnostics: [{ code: "xl_syntax" }] });
});
