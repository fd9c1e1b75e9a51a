import { expect, test } from "vitest";
import { clean } from "./audit.js";
import { cutClients, deafClients } from "./clients.js";
import { limitMs, shortForm } from "./short-form.js";

test(
  "clients that are cut at random resume by Last-Event-ID and see every event and byte once",
  async ({ skip }) => {
    const { figures, complaints } = await shortForm("cut-clients", cutClients, skip);
    expect(complaints).toEqual([]);
    expect(figures).toMatchObject(clean);
    expect(figures["connections"]).toBeGreaterThan(Number(figures["clients"]));
  },
  limitMs,
);

test(
  "clients that never read do not make the controller's memory grow",
  async ({ skip }) => {
    const { figures, complaints } = await shortForm("deaf-clients", deafClients, skip);
    expect(complaints).toEqual([]);
    expect(figures).toMatchObject(clean);
    // Had it kept for them what they do not read, it would be 50 MiB and more for each of 20.
    expect(Number(figures["peakMibWith"]) - Number(figures["peakMibWithout"])).toBeLessThan(200);
  },
  limitMs,
);
