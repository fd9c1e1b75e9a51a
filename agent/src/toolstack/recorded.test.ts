// What was recorded of real hosts, what older and newer xl print, and what no xl would: read or passed over, never thrown at.
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { factsOf, parseInfo, parseList } from "./parse.js";

const folder = new URL("recorded/", import.meta.url);
const samples = readdirSync(folder).map((name) => [name, readFileSync(new URL(name, folder), "utf8")] as const);
const lists = samples.filter(([name]) => name.startsWith("xl-list"));
const infos = samples.filter(([name]) => name.startsWith("xl-info"));
const states = ["running", "paused", "crashed", "dying", "shutting_down", "zombie"];

test.each(lists)("parseList() reads every domain of %s", (_name, text) => {
  const rows = text.split("\n").filter((line) => /^\S.* +\d+ +\d+ +\d+ +[-rbpscd]{6,} /.test(line));
  const read = parseList(text.startsWith("Name") ? text : `Name\n${text}`);
  expect(read.map((domain) => domain.name)).toEqual(rows.map((line) => line.split(/ {2,}/)[0]));
  for (const domain of read) {
    expect(states).toContain(domain.state);
    expect(Number.isSafeInteger(domain.id) && Number.isFinite(domain.cpuSeconds)).toBe(true);
  }
});

test.each(infos)("factsOf() reads %s", (_name, text) => {
  expect(factsOf(parseInfo(text), "xl")).toMatchObject({
    hostname: "dom0",
    xenVersion: "4.17.7",
    cpus: 2,
    totalMemoryMib: 3071,
  });
});

describe("other versions", () => {
  const row = "web                                          3   512     2     -b----      12.5";

  test("parseList() reads xm's list, whose columns are the same", () => {
    const xm = `Name                                        ID   Mem VCPUs      State   Time(s)\nDomain-0                                     0  1024     2     r-----    103.4\n${row}\n`;
    expect(parseList(xm).map((one) => [one.name, one.memoryMib])).toEqual([
      ["Domain-0", 1024],
      ["web", 512],
    ]);
  });

  test("parseList() passes over a managed domain of xm that does not run and has no id", () => {
    expect(
      parseList(`Name\nidle                                            256     1                0.0\n${row}\n`),
    ).toHaveLength(1);
  });

  test("parseList() reads -v with a reason and a label, columns that are wider, and lines that end in CR", () => {
    const uuid = "087cae58-ef28-4c2e-9cd7-4acab221a082";
    expect(parseList(`Name\n${row} ${uuid}        -     system_u:system_r:domU_t\n`)[0]?.uuid).toBe(uuid);
    expect(parseList(`Name\n${"n".repeat(60)} 32751 1048576   128     r----- 1234567.8 ${uuid}\r\n`)[0]).toMatchObject({
      id: 32_751,
      memoryMib: 1_048_576,
      uuid,
    });
  });

  test("parseList() passes over a row whose numbers no host could have", () => {
    expect(parseList(`Name\n${row.replace(" 3 ", " 99999999999999999999 ")}\n`)).toEqual([]);
  });

  test("factsOf() gives nothing where an answer lacks it", () => {
    expect(factsOf(parseInfo("host : a\n"), "xl")).toMatchObject({
      hostname: "a",
      virtCaps: "",
      cpus: 0,
      freeMemoryMib: 0,
    });
  });
});

test("no mutation of what xl printed makes a parser throw, or gives a domain that cannot be", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom("\n", "\t", "\0", "(null)", " 99999999999999999999 ", "------", "-1", "é"),
  );
  const mutation = fc.record({
    sample: fc.constantFrom(...samples.map(([, text]) => text)),
    at: fc.nat(3000),
    cut: fc.nat(200),
    piece,
  });
  fc.assert(
    fc.property(mutation, (one) => {
      const text = one.sample.slice(0, one.at) + one.piece + one.sample.slice(one.at + one.cut);
      for (const domain of parseList(text)) {
        expect(Number.isSafeInteger(domain.id) && domain.id >= 0).toBe(true);
        expect(states).toContain(domain.state);
      }
      const facts = factsOf(parseInfo(text), "xl");
      expect(facts.totalMemoryMib).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 2000 },
  );
});
