import { setTimeout as delay } from "node:timers/promises";
import { type LiveEvent, liveEvent } from "@convirt/contract/live";
import { createParser } from "eventsource-parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestController } from "../testing.js";
import { EventsService } from "./events.service.js";

let controller: TestController;
let token: string;

beforeAll(async () => {
  controller = await TestController.start();
  token = await controller.tokenFor("admin");
});
afterAll(() => controller.end());

/** The stream's events, each held against the contract. */
async function* follow(signal: AbortSignal, headers: Record<string, string>): AsyncGenerator<LiveEvent> {
  const response = await fetch(`${controller.url}/api/v1/events`, { signal, headers });
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  const arrived: LiveEvent[] = [];
  const parser = createParser({
    onEvent: ({ event, data }) => {
      if (event !== "refused") arrived.push(liveEvent.parse(JSON.parse(data)));
    },
  });
  for await (const bytes of response.body ?? []) {
    parser.feed(new TextDecoder().decode(bytes));
    yield* arrived.splice(0);
  }
}

async function until(events: AsyncGenerator<LiveEvent>, wanted: (event: LiveEvent) => boolean): Promise<LiveEvent> {
  for (;;) {
    const { value, done } = await events.next();
    if (done === true) throw new Error("The stream ended before");
    if (wanted(value)) return value;
  }
}

describe("the live stream", () => {
  it("says hello, then which host is another, once for all that comes together", async () => {
    const stop = new AbortController();
    const events = follow(stop.signal, { authorization: `Bearer ${token}` });
    expect(await until(events, () => true)).toMatchObject({ kind: "hello" });
    for (const host of ["xen7", "xen8"]) await controller.call("POST", "/hosts/invitations", { token, body: { host } });
    const told = new Set<string>();
    while (told.size < 2) {
      const event = await until(events, ({ kind }) => kind === "changed");
      if (event.kind === "changed") for (const name of event.names ?? []) told.add(`${event.topic} ${name}`);
    }
    expect(told).toEqual(new Set(["hosts xen7", "hosts xen8"]));
    stop.abort();
    await expect(events.next()).rejects.toThrow();
  });

  it("tells of reports by the host's name and the time", async () => {
    const stop = new AbortController();
    const events = follow(stop.signal, { authorization: `Bearer ${token}` });
    await until(events, ({ kind }) => kind === "hello");
    controller.get(EventsService).heard("xen1", {
      at: new Date("2026-01-02T03:04:05Z"),
      saw: new Date("2026-01-02T03:04:00Z"),
    });
    controller.get(EventsService).heard("xen2", { at: new Date("2026-01-02T03:04:06Z"), saw: undefined });
    const told = { hosts: {}, saw: {} };
    while (Object.keys(told.hosts).length < 2) {
      const event = await until(events, ({ kind }) => kind === "heard");
      if (event.kind !== "heard") continue;
      Object.assign(told.hosts, event.hosts);
      Object.assign(told.saw, event.saw);
    }
    expect(told).toEqual({
      hosts: { xen1: "2026-01-02T03:04:05.000Z", xen2: "2026-01-02T03:04:06.000Z" },
      saw: { xen1: "2026-01-02T03:04:00.000Z" },
    });
    stop.abort();
    await expect(events.next()).rejects.toThrow();
  });

  it("ends with the session that asked for it", async () => {
    const cookie = await controller.signIn();
    const events = follow(AbortSignal.timeout(20_000), { cookie });
    await until(events, ({ kind }) => kind === "hello");
    await controller.call("DELETE", "/session", { headers: { cookie } });
    controller.get(EventsService).changed("images", "One");
    expect((await events.next()).done).toBe(true);
  });
});

describe("a watcher", () => {
  it("keeps a bounded number of names, and then only that there are many", () => {
    const events = new EventsService();
    const { watcher, stop } = events.watch();
    for (let number = 0; number < 10_000; number++) events.changed("jobs", `job-${number}`);
    events.changed("images", "One");
    const { changed } = watcher.take();
    expect(changed.get("jobs")).toBeNull();
    expect(changed.get("images")).toEqual(new Set(["One"]));
    stop();
    events.changed("images", "Two");
    expect(watcher.hasNews).toBe(false);
  });

  it("wakes at once when there is news already", async () => {
    const { watcher } = new EventsService().watch();
    watcher.note("vms", "xen1");
    await Promise.race([
      watcher.wait(60_000, new AbortController().signal),
      delay(10_000).then(() => {
        throw new Error("slept");
      }),
    ]);
    expect(watcher.hasNews).toBe(true);
  });
});
