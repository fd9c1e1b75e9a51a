import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { acquire } from "./lock.js";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fake-xen-lock-"));
  path = join(folder, "lock");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A process of its own that holds the lock while it runs `body`. */
function holder(body: string) {
  const module = new URL("../dist/lock.js", import.meta.url).href;
  const program = `
    const { acquire } = await import(${JSON.stringify(module)});
    const { readFileSync, writeFileSync } = await import("node:fs");
    const [path, counter] = process.argv.slice(1);
    ${body}`;
  return spawn(process.execPath, ["--input-type=module", "-e", program, path, join(folder, "counter")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
}

test("acquire() takes the lock of a holder that was killed, and leaves nothing behind", async () => {
  const killed = holder('acquire(path); process.stdout.write("held"); setInterval(() => {}, 1000);');
  await once(killed.stdout, "data");
  killed.kill("SIGKILL");
  await once(killed, "exit");

  acquire(path)();

  expect(readdirSync(folder)).toEqual([]);
});

test("acquire() waits for a living holder, and says who it is when its patience ends", async () => {
  const living = holder(
    'acquire(path); process.stdout.write("held"); process.stdin.once("data", () => process.exit());',
  );
  await once(living.stdout, "data");

  expect(() => acquire(path, 20)).toThrow(`${path} is held by process ${living.pid} for more than 20 ms`);

  living.stdin.end("go");
  await once(living, "exit");
});

test("acquire() takes no word for a process whose number came again", () => {
  symlinkSync(`${process.pid}:1:11111111-1111-4111-8111-111111111111`, path);

  acquire(path)();

  expect(readdirSync(folder)).toEqual([]);
});

test("acquire() takes away also what a taker left that was killed while it took a dead one's lock", () => {
  symlinkSync("4194305:1:first", path);
  symlinkSync("4194305:2:second", `${path}.first`);

  acquire(path)();

  expect(readdirSync(folder)).toEqual([]);
});

test("acquire() lets one in at a time while each of five holders is killed with the lock in its hands", async () => {
  writeFileSync(join(folder, "counter"), "0");
  const count = `writeFileSync(counter, String(Number(readFileSync(counter, "utf8")) + 1));`;
  const body = `
    for (let i = 0; i < 10; i++) { const release = acquire(path); ${count} release(); }
    acquire(path); ${count}
    process.kill(process.pid, "SIGKILL");`;

  await Promise.all(Array.from({ length: 5 }, () => once(holder(body), "exit")));
  acquire(path)();

  expect(readFileSync(join(folder, "counter"), "utf8")).toBe(String(5 * 11));
  expect(readdirSync(folder)).toEqual(["counter"]);
});
