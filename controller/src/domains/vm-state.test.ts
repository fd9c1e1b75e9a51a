import { describe, expect, it } from "vitest";
import { type SeenState, settle } from "./vm-state.js";

const running: SeenState = { state: "running", atMs: 1000, domainId: 3 };

describe("settle()", () => {
  it("shows what the host reports", () => {
    expect(settle(undefined, { state: "paused", domainId: 7 }, 5000)).toEqual({
      state: "paused",
      atMs: 5000,
      domainId: 7,
    });
  });
  it("calls a VM stopped that its host does not report and that was never seen", () => {
    expect(settle(undefined, undefined, 5000)).toEqual({ state: "stopped", atMs: 5000, domainId: null });
  });
  it("keeps the last state, with its time, of a VM that has been away for less than ten seconds", () => {
    expect(settle(running, undefined, 10_999)).toEqual(running);
  });
  it("calls a VM stopped after ten seconds", () => {
    expect(settle(running, undefined, 11_000).state).toBe("stopped");
  });
});
