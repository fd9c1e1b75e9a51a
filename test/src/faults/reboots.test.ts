import { expect, test } from "vitest";
import { clean } from "./audit.js";
import { reboots } from "./reboots.js";
import { limitMs, shortForm } from "./short-form.js";

test(
  "a host that reboots in the middle of a script ends the job as lost, with what it left listed",
  async ({ skip }) => {
    const { figures, complaints } = await shortForm("reboots", reboots, skip);
    expect(complaints).toEqual([]);
    expect(figures).toMatchObject(clean);
  },
  limitMs,
);
