import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { TestController } from "../testing.js";
import { OpenStreamsService } from "./open-streams.service.js";

let controller: TestController;
beforeAll(async () => {
  controller = await TestController.start({
    environment: { CONVIRT_HTTP_STREAMS: "3", CONVIRT_HTTP_STREAMS_PER_USER: "2" },
  });
});
afterAll(() => controller.end());

interface Opened {
  status: number;
  close(): void;
}

/** Asks for the live stream and leaves it open. */
async function open(token: string): Promise<Opened> {
  const stop = new AbortController();
  const headers = { authorization: `Bearer ${token}` };
  const { status } = await fetch(`${controller.url}/api/v1/events`, { signal: stop.signal, headers });
  return { status, close: () => stop.abort() };
}

test("one user, and all together, may have so many streams of events open as the settings say, and are told so by a code", async () => {
  const [admin, viewer] = [await controller.tokenFor("admin"), await controller.tokenFor("viewer")];
  const first = await open(admin);
  const second = await open(admin);
  expect([first.status, second.status]).toEqual([200, 200]);
  const third = await controller.call("GET", "/events", { token: admin });
  expect(third).toMatchObject({
    status: 429,
    body: { code: "too_many_streams", message: expect.stringContaining("you have 2 open, 2 at most are allowed") },
  });
  expect(third.headers.get("retry-after")).toBe("10");
  // Everything else is answered as before.
  expect((await controller.call("GET", "/hosts", { token: admin })).status).toBe(200);

  const others = await open(viewer);
  expect(others.status).toBe(200);
  const fourth = await controller.call("GET", "/events", { token: viewer });
  expect(fourth).toMatchObject({
    status: 429,
    body: { code: "too_many_streams", message: expect.stringContaining("3 are open here, 3 at most") },
  });

  // One that is closed makes room for the next.
  second.close();
  const again = await vi.waitFor(async () => {
    const opened = await open(admin);
    if (opened.status !== 200) throw new Error(`answered with ${opened.status}`);
    return opened;
  }, 20_000);
  for (const one of [first, others, again]) one.close();
  await vi.waitFor(() => expect(controller.get(OpenStreamsService).count).toBe(0), 20_000);
});
