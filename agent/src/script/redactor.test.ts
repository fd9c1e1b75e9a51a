import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Journal } from "../provision/journal.js";
import { JobLog } from "./job-log.js";
import { Redactor } from "./redactor.js";

const secret = "it's a S3cret/ü!";
const redactor = Redactor.of([secret]) as Redactor;
const hide = (text: string) => redactor.hide(Buffer.from(text)).toString("utf8");

describe("a log's secrets", () => {
  test.each([
    ["as it is", secret],
    ["quoted by a shell", "'it'\\''s a S3cret/ü!'"],
    ["quoted for Python", "'it\\'s a S3cret/ü!'"],
    ["in JSON", JSON.stringify({ password: secret })],
    ["in an address", `https://x/?p=${encodeURIComponent(secret)}`],
    ["in a form", `p=${new URLSearchParams({ p: secret }).toString().slice(2)}`],
    ["in base64", Buffer.from(secret).toString("base64")],
    ["in base64 behind one byte", Buffer.from(`x${secret}y`).toString("base64")],
    ["in base64 behind two bytes", Buffer.from(`xx${secret}yy`).toString("base64")],
    ["in base64 of addresses", Buffer.from(`ada:${secret}`).toString("base64url")],
  ])("are hidden %s, and nothing of them but their ends is left", (_how, text) => {
    const line = `before ${text} after`;
    const hidden = redactor.hide(Buffer.from(line));
    expect(hidden.length).toBe(Buffer.byteLength(line));
    expect(hidden.toString()).toMatch(/\*{12}/);
    expect(hidden.toString()).not.toMatch(/S3cret|UzNjcmV0|M2NyZX/);
    expect(hidden.toString()).toMatch(/^before .* after$/s);
  });

  test("that are none are left as they are, and so are texts that only look like them", () => {
    expect(Redactor.of([])).toBeUndefined();
    expect(Redactor.of(["short"])).toBeUndefined();
    expect(hide("it's a secret")).toBe("it's a secret");
  });

  test("are hidden in every text of an event", () => {
    const event = { $case: "note", value: { text: `x ${secret}`, list: [secret], n: 1n } };
    expect(JSON.stringify(redactor.hideIn({ ...event, value: { ...event.value, n: 1 } }))).not.toContain("S3cret");
    expect(redactor.hideIn(event).value.n).toBe(1n);
  });
});

describe("a log that is read in pieces", () => {
  let folder: string;
  let path: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "convirt-redact-"));
    path = join(folder, "log");
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const journal = { folder: "/nowhere", get: () => undefined } as unknown as Journal;

  test("is the same whatever the pieces are, and however much of it was there when each was read", async () => {
    const log = new JobLog(journal, path, 64, redactor);
    const parts = fc.array(
      fc.constantFrom(secret, secret.slice(0, 7), "it's", "\n", Buffer.from(secret).toString("base64"), "x"),
    );
    await fc.assert(
      fc.asyncProperty(parts, fc.infiniteStream(fc.integer({ min: 1, max: 40 })), async (words, sizes) => {
        const whole = Buffer.from(words.join(""));
        writeFileSync(path, whole);
        const file = await open(path, "r");
        const read: Buffer[] = [];
        try {
          let size = 0;
          for (let offset = 0; offset < whole.length; ) {
            const most = sizes.next().value as number;
            size = Math.min(whole.length, Math.max(size, offset) + most);
            // While it is written, the reader sees its beginning alone.
            const isWhole = size === whole.length;
            const piece = await log.read(file, { offset, most, size, isWhole });
            read.push(Buffer.from(piece));
            offset += piece.length;
          }
        } finally {
          await file.close();
        }
        const hidden = redactor.hide(whole);
        expect(Buffer.concat(read).toString()).toBe(hidden.toString());
        expect(await log.digest(whole.length)).toBe(createHash("sha256").update(hidden).digest("hex"));
      }),
      { numRuns: 150 },
    );
  });
});
