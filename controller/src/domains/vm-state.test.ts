import { describe, expect, it } from "vitest";
import { type SeenState, settle } from "./vm-state.js";

const running: SeenState = { state: "running", atMs: 1000, tickMs: 1000, domainId: 3 };

const at = (ms: number) => ({ atMs: ms, tickMs: ms });

describe("settle()", () => {
  it("shows what the host reports", () => {
    expect(settle(undefined, { state: "paused", domainId: 7 }, at(5000))).toEqual({
      state: "paused",
      ...at(5000),
      domainId: 7,
    });
  });
  it("calls a VM stopped that its host does not report and that was never seen", () => {
    expect(settle(undefined, undefined, at(5000))).toEqual({ state: "stopped", ...at(5000), domainId: null });
  });
  it("keeps the last state, with its time, of a VM that has been away for less than ten seconds", () => {
    expect(settle(running, undefined, at(10_999))).toEqual(running);
  });
  it("calls a VM stopped after ten seconds", () => {
    expect(settle(running, undefined, at(11_000)).state).toBe("stopped");
  });
  it("goes by the clock that nobody sets: an hour forward or back ends no absence and prolongs none", () => {
    const hour = 3_600_000;
    expect(settle(running, undefined, { atMs: 1000 + hour, tickMs: 2000 })).toEqual(running);
    expect(settle(running, undefined, { atMs: 1000 - hour, tickMs: 11_000 }).state).toBe("stopped");
  });
});
