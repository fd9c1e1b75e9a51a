import { expect, test } from "vitest";
import { clean } from "./audit.js";
import { sameRequest } from "./requests.js";
import { limitMs, shortForm } from "./short-form.js";

test(
  "the same request twenty times at once, while the controller is killed and after its restart is one job that runs once",
  async ({ skip }) => {
    const { figures, complaints } = await shortForm("same-request", sameRequest, skip);
    expect(complaints).toEqual([]);
    expect(figures).toMatchObject(clean);
    expect(figures["jobsTooMany"]).toBe(0);
  },
  limitMs,
);
