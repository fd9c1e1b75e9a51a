import { afterEach, beforeEach, expect, test } from "vitest";
import { TestController } from "../testing.js";
import { enrolHost, jobIs, makeImage, type TestHost } from "../testing-jobs.js";

let controller: TestController;
let token: string;
let agent: TestHost | undefined;

beforeEach(async () => {
  controller = await TestController.start();
  token = await controller.tokenFor("admin");
  await makeImage(controller, token);
  // The first release: it names these four, and has neither Clean nor Look; fields that came later stay at their defaults on the wire.
  agent = await enrolHost(controller, token, "old", {
    features: ["provision.v1", "staging.chunks", "domain.v1", "renewal.v1"],
    lacks: ["clean", "look"],
  });
});
afterEach(async () => {
  await controller.end();
  agent?.kill();
});

const post = (path: string, body?: unknown) => controller.call("POST", path, { token, body });

test("an agent of the first release provisions, is cancelled and asked about as before", async () => {
  const made = await post("/jobs", { image: "Tiny", host: "old", vm: "shop", cleanOnFailure: true });
  const job = await jobIs(controller, token, made.body.id, ({ status }) => status === "succeeded");
  expect(job).toMatchObject({ cleaned: [], logCut: false, logFault: null, logBytes: 9 });
  expect((await post("/vms/shop/start")).status).toBe(200);
  const slow = await post("/jobs", { image: "Tiny", host: "old", vm: "slow" });
  await jobIs(controller, token, slow.body.id, ({ status }) => status === "running");
  expect((await post(`/jobs/${slow.body.id}/cancel`)).body.outcome).toBe("asked_to_stop");
  await jobIs(controller, token, slow.body.id, ({ status }) => status === "cancelled");
  const { facts } = (await controller.call("GET", "/hosts/old", { token })).body;
  expect(facts.features.sort()).toEqual(["domain.v1", "provision.v1", "renewal.v1", "staging.chunks"]);

  // What it cannot is refused before it is asked, and named.
  expect((await post(`/jobs/${slow.body.id}/clean`)).body).toMatchObject({ code: "agent_too_old" });
  expect((await controller.call("GET", "/drift", { token })).body.notCompared).toEqual([
    { host: "old", reason: expect.stringMatching(/older release/) },
  ]);
});

test("features that this controller does not know are passed over", async () => {
  agent?.kill();
  agent = await enrolHost(controller, token, "new", { features: ["provision.v1", "teleport.v9"] });
  const { facts } = (await controller.call("GET", "/hosts/new", { token })).body;
  expect(facts.features).toEqual(["provision.v1"]);
});
