import { expect, test } from "vitest";
import { createLog } from "./log.js";

test("the log writes one line of JSON per message, from the weight that was asked for on", () => {
  const lines: string[] = [];
  const log = createLog("warn", (line) => lines.push(line));
  log.debug("a");
  log.info("b");
  log.warn("two\nlines", { bytes: 5n });
  log.error("d", { error: new Error("broken", { cause: new Error("why") }) });
  expect(lines).toHaveLength(2);
  expect(lines.every((line) => line.indexOf("\n") === line.length - 1)).toBe(true);
  expect(JSON.parse(lines[0]!)).toMatchObject({ level: "warn", message: "two\nlines", bytes: "5" });
  expect(JSON.parse(lines[1]!)).toMatchObject({
    error: { message: "broken", stack: expect.stringContaining("log.test"), cause: { message: "why" } },
  });
});
