import { expect, test } from "vitest";
import { restores } from "./restores.js";
import { limitMs, shortForm } from "./short-form.js";

test(
  "a database from before neither runs a script again nor hides or deletes a host's VMs",
  async ({ skip }) => {
    const { figures, complaints } = await shortForm("restores", restores, skip);
    expect(complaints).toEqual([]);
    expect(figures).toMatchObject({
      scriptsRunTwice: 0,
      createsTwice: 0,
      jobsNotEndedRight: 0,
      vmsLost: 0,
      vmsNotShown: 0,
      vmsShownAsDrift: figures["restores"],
    });
  },
  limitMs,
);
