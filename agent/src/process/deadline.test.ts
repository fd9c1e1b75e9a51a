import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { until } from "../testing.js";
import { deadline } from "./deadline.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const never = () => new AbortController().signal;

test("its time is over although nobody holds it but who listens, and memory was collected meanwhile", async () => {
  const reasons: unknown[] = [];
  const listen = () => {
    const { signal } = deadline(30, never());
    signal.addEventListener("abort", () => reasons.push((signal.reason as Error).name));
  };
  listen();
  collect();
  expect(await until(() => reasons[0])).toBe("TimeoutError");
});

test("it aborts with the other signal's reason, also with one that has aborted before", () => {
  const other = new AbortController();
  const { signal } = deadline(60_000, other.signal);
  expect(signal.aborted).toBe(false);
  other.abort("cancelled");
  expect([signal.reason, deadline(60_000, other.signal).signal.reason]).toEqual(["cancelled", "cancelled"]);
});

test("after it is done it aborts no more", async () => {
  const other = new AbortController();
  const { signal, done } = deadline(10, other.signal);
  done();
  other.abort();
  const later = deadline(20, never());
  await until(() => later.signal.aborted || undefined);
  expect(signal.aborted).toBe(false);
});
