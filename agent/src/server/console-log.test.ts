import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Redactor } from "../script/redactor.js";
import { temporaryFolder } from "../testing.js";
import { readConsoleLog } from "./console-log.js";

const folder = temporaryFolder();
afterAll(() => folder.remove());
const asked = (vmName: string, maxBytes = 0) => ({ vmName, vmUuid: "", maxBytes });

test("readConsoleLog() gives the end of the log, and says how long the whole is", async () => {
  writeFileSync(join(folder.path, "guest-web.log"), "booted\nlogin: ");
  const reply = await readConsoleLog(folder.path, asked("web", 7));
  expect(Buffer.from(reply.data).toString()).toBe("login: ");
  expect(reply).toMatchObject({ size: 14n, path: join(folder.path, "guest-web.log") });
});

test("readConsoleLog() gives no more than 256 KiB, whatever is asked for", async () => {
  mkdirSync(join(folder.path, "big"));
  writeFileSync(join(folder.path, "big", "guest-web.log"), "x".repeat(300_000));
  expect((await readConsoleLog(join(folder.path, "big"), asked("web", 4_000_000_000))).data).toHaveLength(262_144);
});

test("readConsoleLog() hides secrets, also one that begins before what is asked for", async () => {
  writeFileSync(join(folder.path, "guest-pw.log"), "root=/dev/xvda1 pw=S3cret-word quiet");
  const redactor = Redactor.of(["S3cret-word"]);
  const read = async (most: number) =>
    Buffer.from((await readConsoleLog(folder.path, asked("pw", most), redactor)).data).toString();
  expect(await read(0)).toBe("root=/dev/xvda1 pw=*********** quiet");
  expect(await read(10)).toBe("**** quiet");
});

test("readConsoleLog() says where it looked, and what makes xenconsoled keep logs", async () => {
  const missing = readConsoleLog(folder.path, asked("none"));
  await expect(missing).rejects.toMatchObject({ code: "not_found" });
  await expect(missing).rejects.toThrow(/guest-none\.log is not there.*--log=guest/);
});
