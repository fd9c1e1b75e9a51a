import { expect, test } from "vitest";
import { clean } from "./audit.js";
import { kills } from "./kills.js";
import { limitMs, shortForm } from "./short-form.js";

test(
  "kill -9 of the agent, the controller and both, again and again, runs no script twice and loses no byte",
  async ({ skip }) => {
    const { figures, complaints } = await shortForm("kills", kills, skip);
    expect(complaints).toEqual([]);
    expect(figures).toMatchObject(clean);
    expect(figures["kills"]).toBeGreaterThan(3);
  },
  limitMs,
);
