import { expect, test } from "vitest";
import { clean } from "./audit.js";
import { jumpingClocks } from "./clocks.js";
import { limitMs, shortForm } from "./short-form.js";

test(
  "a clock that jumps an hour forward or back, the host's or the controller's, changes nothing for a job",
  async ({ skip }) => {
    const { figures, complaints } = await shortForm("clocks", jumpingClocks, skip);
    expect(complaints).toEqual([]);
    expect(figures).toMatchObject(clean);
  },
  limitMs,
);
