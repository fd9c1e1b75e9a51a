import { finalStatuses, type JobStatus, jobStatus } from "@convirt/contract/job";
import { describe, expect, it } from "vitest";
import { type FinalStatus, isFinal, type JobAct, transition } from "./job-state.js";

const ends: FinalStatus[] = ["succeeded", "failed", "cancelled", "lost"];
const acts: JobAct[] = [
  { act: "dispatch" },
  { act: "cancel" },
  { act: "refuse" },
  ...ends.map((status): JobAct => ({ act: "ended", status })),
];

/** The whole table, written out once more: status, act, and what comes of it. */
const table: Partial<Record<JobStatus, Record<string, JobStatus>>> = {
  queued: { dispatch: "running", cancel: "cancelled", refuse: "failed" },
  running: {
    cancel: "cancelling",
    refuse: "failed",
    "ended succeeded": "succeeded",
    "ended failed": "failed",
    "ended cancelled": "cancelled",
    "ended lost": "lost",
  },
  cancelling: {
    refuse: "failed",
    "ended succeeded": "succeeded",
    "ended failed": "failed",
    "ended cancelled": "cancelled",
    "ended lost": "lost",
  },
};

function nameOf(act: JobAct): string {
  return act.act === "ended" ? `ended ${act.status}` : act.act;
}

describe("transition()", () => {
  for (const from of jobStatus.options)
    for (const act of acts)
      it(`${table[from]?.[nameOf(act)] === undefined ? "leaves" : "moves"} a job that is ${from} at ${nameOf(act)}`, () => {
        expect(transition(from, act)).toBe(table[from]?.[nameOf(act)]);
      });

  it("knows the same final statuses as the contract", () => {
    expect(jobStatus.options.filter(isFinal).sort()).toEqual([...finalStatuses].sort());
  });
});
