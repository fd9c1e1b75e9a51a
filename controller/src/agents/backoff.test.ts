import { describe, expect, it } from "vitest";
import { Backoff, stableMs } from "./backoff.js";

const windows = (backoff: Backoff, count: number) => Array.from({ length: count }, () => backoff.next(1));

describe("Backoff", () => {
  it("doubles its window from 1 s to 60 s, and waits any part of it", () => {
    expect(windows(new Backoff(), 9)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1000));
    expect(new Backoff().next(0)).toBe(0);
    expect(new Backoff().next(0.25)).toBe(250);
  });

  it("begins again after a contact that held, and only then", () => {
    const backoff = new Backoff();
    windows(backoff, 4);
    backoff.held(0);
    expect(backoff.next(1)).toBe(16_000);
    backoff.held(stableMs);
    expect(windows(backoff, 2)).toEqual([1000, 2000]);
  });

  it("does not grow for a host that comes and goes: one that is killed again and again is called as soon as before", () => {
    const backoff = new Backoff();
    for (let kill = 0; kill < 10; kill += 1) {
      expect(backoff.next(1)).toBe(1000);
      backoff.held(stableMs - 1);
    }
  });
});
