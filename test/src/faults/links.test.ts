import { expect, test } from "vitest";
import { clean } from "./audit.js";
import { badLinks, blackHole, promisedMs } from "./links.js";
import { limitMs, shortForm } from "./short-form.js";

test(
  "a network that is slow, cuts in the middle of messages and refuses costs no byte",
  async ({ skip }) => {
    const { figures, complaints } = await shortForm("bad-links", badLinks, skip);
    expect(complaints).toEqual([]);
    expect(figures).toMatchObject(clean);
    expect(figures["cuts"]).toBeGreaterThan(0);
  },
  limitMs,
);

test(
  "a link on which nothing passes any more is found dead by both ends within 45 s, and the job goes on when it is back",
  async ({ skip }) => {
    const { figures, complaints } = await shortForm("black-hole", blackHole, skip);
    expect(complaints).toEqual([]);
    expect(figures).toMatchObject(clean);
    expect(figures["foundByControllerSeconds"]).toBeLessThan(promisedMs / 1000);
    expect(figures["foundByAgentSeconds"]).toBeLessThan(promisedMs / 1000);
  },
  limitMs,
);
