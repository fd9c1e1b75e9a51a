import { getHeapStatistics } from "node:v8";
import { afterEach, expect, test, vi } from "vitest";
import { tidyMemory } from "./memory.js";

afterEach(() => vi.useRealTimers());

test("memory that is no longer needed is given back without anybody asking for more", () => {
  vi.useFakeTimers();
  const stop = tidyMemory();
  let held: unknown[] | undefined = Array.from({ length: 400_000 }, (_, index) => ({ index }));
  const before = getHeapStatistics().used_heap_size;
  expect(held.length).toBe(400_000);
  held = undefined;
  vi.advanceTimersByTime(60_000);
  stop();
  expect(getHeapStatistics().used_heap_size).toBeLessThan(before - 8 * 1024 * 1024);
});
