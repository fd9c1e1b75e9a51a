import { describe, expect, it } from "vitest";
import { Backoff, expectedMs, stableMs } from "./backoff.js";

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

  it("waits for a host that has just enrolled an eighth of the time that passed, until it was in contact or two minutes are over", () => {
    const enrolled = 1_000_000;
    const backoff = new Backoff(enrolled);
    const pauses = [0, 500, 8_000, 80_000].map((passedMs) => backoff.next(1, enrolled + passedMs));
    expect(pauses).toEqual([100, 100, 1_000, 10_000]);
    expect(backoff.next(0.5, enrolled)).toBe(50);
    expect(backoff.next(1, enrolled + expectedMs)).toBe(1000);
    const met = new Backoff(enrolled);
    met.held(0);
    expect(met.next(1, enrolled)).toBe(100);
    met.held(1);
    expect(met.next(1, enrolled)).toBe(1000);
  });
});
