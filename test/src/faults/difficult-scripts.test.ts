import { expect, test } from "vitest";
import { clean } from "./audit.js";
import { difficultScripts } from "./difficult-scripts.js";
import { limitMs, shortForm } from "./short-form.js";

test(
  "a script that ignores TERM is ended, and a child that holds its output does not hold the job",
  async ({ skip }) => {
    const { figures, complaints } = await shortForm("difficult-scripts", difficultScripts, skip);
    expect(complaints).toEqual([]);
    expect(figures).toMatchObject(clean);
  },
  limitMs,
);
