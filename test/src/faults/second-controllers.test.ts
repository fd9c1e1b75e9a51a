import { expect, test } from "vitest";
import { clean } from "./audit.js";
import { secondControllers } from "./second-controllers.js";
import { limitMs, shortForm } from "./short-form.js";

test(
  "a second controller on the same database refuses to start and says why, and the first goes on",
  async ({ skip }) => {
    const { figures, complaints } = await shortForm("second-controllers", secondControllers, skip);
    expect(complaints).toEqual([]);
    expect(figures).toMatchObject(clean);
    expect(figures["refused"]).toBe(figures["started"]);
  },
  limitMs,
);
