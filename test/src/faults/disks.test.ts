import { expect, test } from "vitest";
import { clean } from "./audit.js";
import { fullDisks } from "./disks.js";
import { limitMs, shortForm } from "./short-form.js";

test(
  "a full disk, the host's or the controller's, is an error that says so, and work goes on when there is space",
  async ({ skip }) => {
    const { figures, complaints } = await shortForm("full-disks", fullDisks, skip);
    expect(complaints).toEqual([]);
    expect(figures).toMatchObject(clean);
  },
  limitMs,
);
