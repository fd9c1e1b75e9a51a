import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestController } from "../testing.js";
import { enrolHost, type TestHost } from "../testing-jobs.js";

let controller: TestController;
let agent: TestHost;
let admin: string;

beforeAll(async () => {
  controller = await TestController.start();
  admin = await controller.tokenFor("admin");
  agent = await enrolHost(controller, admin, "xen1");
}, 60_000);
afterAll(async () => {
  await controller.end();
  agent.kill();
});

const staged = async (token: string) => (await controller.call("GET", "/hosts/xen1/staged", { token })).body;

describe("what is staged on a host", () => {
  test("is told as the host says it, and of an older agent without the last use", async () => {
    expect(await staged(admin)).toEqual({
      items: [
        { name: "Tiny", version: "a".repeat(64), bytes: 42, stagedAt: "2026-01-01T00:00:00.000Z", lastUsedAt: null },
        {
          name: "common",
          version: "b".repeat(64),
          bytes: 7,
          stagedAt: "2026-01-01T00:00:00.000Z",
          lastUsedAt: "2026-01-02T00:00:00.000Z",
        },
      ],
    });
  });

  test("leaves out images that the reader does not see", async () => {
    const reader = await controller.tokenFor("viewer", "host:xen1");
    expect((await staged(reader)).items.map(({ name }: { name: string }) => name)).toEqual(["common"]);
  });

  test("is not told of a host that is silent", async () => {
    agent.kill();
    await expect.poll(async () => (await staged(admin)).code, { timeout: 15_000 }).toBe("host_not_in_contact");
  });
});
