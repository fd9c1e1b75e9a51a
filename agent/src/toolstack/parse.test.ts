import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { factsOf, parseInfo, parseList } from "./parse.js";

const recorded = (name: string) => readFileSync(new URL(`recorded/${name}`, import.meta.url), "utf8");
const head = "Name                                        ID   Mem VCPUs\tState\tTime(s)   UUID\n";
const row = (name: string, letters: string) =>
  parseList(
    `${head}${name.padEnd(40)}    57     7     2     ${letters}     299.4 087cae58-ef28-4c2e-9cd7-4acab221a082\n`,
  );

test("parseList() reads guests with their uuids", () => {
  const text = recorded("xl-list-v.txt");
  const of = (name: string) =>
    text
      .split("\n")
      .find((line) => line.startsWith(name))
      ?.split(/\s+/) ?? [];
  expect(parseList(text)).toEqual([
    {
      id: 0,
      name: "Domain-0",
      uuid: "00000000-0000-0000-0000-000000000000",
      state: "running",
      memoryMib: 1024,
      vcpus: 2,
      cpuSeconds: Number(of("Domain-0")[5]),
    },
    expect.objectContaining({ id: Number(of("badmac")[1]), name: "badmac", uuid: of("badmac")[6], state: "running" }),
    expect.objectContaining({ name: "pv1", uuid: of("pv1")[6], cpuSeconds: Number(of("pv1")[5]) }),
  ]);
});

test("parseList() reads a host without guests", () => {
  expect(parseList(recorded("xl-list-v-dom0.txt"))).toHaveLength(1);
});

test("parseList() reads a guest that crashed and was kept", () => {
  expect(parseList(recorded("xl-list-v-crashed-preserved.txt"))[1]).toMatchObject({ name: "pv1", state: "crashed" });
});

test("parseList() reads a paused guest, and a list without uuids", () => {
  expect(parseList(recorded("xl-list-paused.txt"))[1]).toMatchObject({ name: "pv1", state: "paused", uuid: "" });
  expect(parseList(recorded("xl-list-two-guests.txt")).map((one) => one.name)).toEqual(["Domain-0", "pv1", "pv2"]);
});

test("parseList() accepts every row of a guest that crashes and restarts, the one without a name included", () => {
  const lines = recorded("xl-list-during-crash-restart.txt").split("\n");
  const rows = lines.filter((line) => /^(pv1|\(null\))/.test(line));
  const read = parseList(`${head}${lines.join("\n")}`);
  expect(read).toHaveLength(rows.length);
  expect(read.find((one) => one.name === "(null)")).toMatchObject({ id: 48, memoryMib: 0, state: "paused" });
});

test.each([
  ["r-----", "running"],
  ["-b----", "running"],
  ["------", "running"],
  ["rb----", "running"],
  ["--p---", "paused"],
  ["---s--", "shutting_down"],
  ["--ps--", "shutting_down"],
  ["---sr-", "shutting_down"],
  ["---sc-", "crashed"],
  ["----c-", "crashed"],
  ["-----d", "dying"],
])("parseList() reads the letters %s as %s", (letters, state) => {
  expect(row("web", letters)[0]?.state).toBe(state);
});

test("parseList() shows a domain without a name that cannot die as a zombie", () => {
  expect(row("(null)", "--p--d")).toEqual([expect.objectContaining({ id: 57, state: "zombie", memoryMib: 7 })]);
});

test("parseList() keeps the names of a migration", () => {
  expect(row("web--incoming", "-b----")[0]?.name).toBe("web--incoming");
});

test("parseList() passes over lines that are no domains", () => {
  expect(parseList("")).toEqual([]);
  expect(parseList(`${head}libxl: warning: something\n\n`)).toEqual([]);
});

test("factsOf() reads what xl says of the host", () => {
  expect(factsOf(parseInfo(recorded("xl-info.txt")), "xl")).toEqual({
    toolstack: "xl",
    hostname: "dom0",
    release: "6.1.0-56-amd64",
    machine: "x86_64",
    xenVersion: "4.17.7",
    virtCaps: "pv hvm hap gnttab-v1 gnttab-v2",
    cpus: 2,
    totalMemoryMib: 3071,
    freeMemoryMib: 2014,
  });
});

test("factsOf() makes the version of its parts where an old xm gives only these", () => {
  expect(factsOf(parseInfo("xen_major : 4\nxen_minor : 1\nxen_extra : .2\n"), "xm").xenVersion).toBe("4.1.2");
});
