import { appendFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type JobEvent, Phase, ProvisionSpec } from "@convirt/proto/provision";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryFolder } from "../testing.js";
import { Forgotten } from "./forgotten.js";
import { Journal } from "./journal.js";

const id = (index: number) => `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
const spec = ProvisionSpec.fromPartial({ jobId: id(1), vmName: "web", image: "Tiny" });
const event = (sequence: number): JobEvent => ({
  sequence: BigInt(sequence),
  at: "2026-01-01T00:00:00.000Z",
  event: { $case: "note", value: { phase: Phase.CHECK, text: `note ${sequence}` } },
});

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

function filled(count: number): Journal {
  const journal = Journal.create(folder.path, spec);
  for (let index = 1; index <= count; index += 1) journal.append({ event: event(index), logBytes: index * 10 });
  journal.close();
  return journal;
}

test("Journal gives back the spec and every event, each with the length that the log had", () => {
  const { folder: path } = filled(5);
  const again = Journal.open(path);
  expect(again?.spec).toEqual(spec);
  expect(again?.journal.entries).toEqual([1, 2, 3, 4, 5].map((at) => ({ event: event(at), logBytes: at * 10 })));
});

test("Journal drops a frame that was cut off, at any byte, and goes on behind the last whole one", () => {
  const { folder: path } = filled(4);
  const events = join(path, "events");
  const whole = readFileSync(events);
  fc.assert(
    fc.property(fc.nat(whole.length), (length) => {
      writeFileSync(events, whole);
      truncateSync(events, length);
      const cut = Journal.open(path)?.journal;
      const kept = cut?.entries.length ?? 0;
      expect(kept).toBe(Math.floor((length / whole.length) * 4));
      cut?.append({ event: event(kept + 1), logBytes: 7 });
      cut?.close();
      expect(Journal.open(path)?.journal.entries.at(-1)).toEqual({ event: event(kept + 1), logBytes: 7 });
    }),
    { numRuns: 50 },
  );
});

test("Journal drops what a power cut left behind the last event: zeros, or anything", () => {
  const { folder: path } = filled(2);
  for (const rest of [
    Buffer.alloc(100),
    Buffer.from("00000002000000000000000affff", "hex"),
    Buffer.from("rubbish that is long"),
  ]) {
    appendFileSync(join(path, "events"), rest);
    expect(Journal.open(path)?.journal.entries).toHaveLength(2);
  }
});

test("Journal counts as never begun a job whose spec did not come to the disk", () => {
  const { folder: path } = filled(0);
  rmSync(join(path, "spec"));
  expect(Journal.open(path)).toBeUndefined();
});

test("Journal says when entries are on the disk, also to many who ask at once", async () => {
  const journal = Journal.create(folder.path, spec);
  for (let index = 1; index <= 3; index += 1) journal.append({ event: event(index), logBytes: 0 });
  await Promise.all([journal.synced(1), journal.synced(3), journal.synced(2)]);
  journal.append({ event: event(4), logBytes: 0 });
  await journal.synced(4);
  journal.close();
  expect(Journal.open(journal.folder)?.journal.entries).toHaveLength(4);
});

test("Journal forgets in one step, and nothing of it is left", () => {
  const journal = filled(1);
  journal.forget();
  expect(existsSync(journal.folder)).toBe(false);
  expect(existsSync(`${journal.folder}.forgotten`)).toBe(false);
});

test("Journal refuses to create a job that is there", () => {
  filled(1);
  expect(() => Journal.create(folder.path, spec)).toThrow("EEXIST");
});

test("Forgotten knows every id that was added, by another process too, and a cut line costs no other", () => {
  const forgotten = new Forgotten(folder.path);
  expect(forgotten.has(id(1))).toBe(false);
  forgotten.add(id(1));
  appendFileSync(join(folder.path, "forgotten"), id(2).slice(0, 20));
  forgotten.add(id(3));
  const again = new Forgotten(folder.path);
  expect([1, 2, 3].map((index) => again.has(id(index)))).toEqual([true, false, true]);
});

test("Forgotten keeps the newest ten thousand and does not grow without end", () => {
  const lines = Array.from({ length: 20_000 }, (_, index) => id(index)).join("\n");
  writeFileSync(join(folder.path, "forgotten"), `${lines}\n`);
  const forgotten = new Forgotten(folder.path);
  forgotten.add(id(20_000));
  expect([9_999, 10_000, 19_999, 20_000].map((index) => forgotten.has(id(index)))).toEqual([false, true, true, true]);
  expect(readFileSync(join(folder.path, "forgotten"), "utf8").split("\n").length).toBe(10_002);
});
