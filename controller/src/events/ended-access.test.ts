import { createParser } from "eventsource-parser";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { AuthService } from "../auth/auth.service.js";
import { UsersService } from "../auth/users.service.js";
import { TestController } from "../testing.js";
import { enrolHost, jobIs, makeImage, type TestHost } from "../testing-jobs.js";
import { OpenStreamsService } from "./open-streams.service.js";

let controller: TestController;
let admin: string;
let agent: TestHost;
let jobId: string;
let cookie: string;

beforeAll(async () => {
  controller = await TestController.start();
  admin = await controller.tokenFor("admin");
  await makeImage(controller, admin);
  agent = await enrolHost(controller, admin, "xen1");
  const made = await controller.call("POST", "/jobs", {
    token: admin,
    body: { image: "Tiny", host: "xen1", vm: "slow", reason: "try" },
  });
  jobId = made.body.id;
  await jobIs(controller, admin, jobId, ({ status }) => status === "running");
  cookie = await controller.signIn();
}, 60_000);
afterAll(async () => {
  await controller.end();
  agent.kill();
});

interface Follower {
  /** The last event's name and code, and whether it came within a second of `since()`. */
  last: Promise<{ event: string | undefined; code: string; took: number }>;
  since(): void;
  isOpen(): boolean;
  leave(): void;
}

/** A stream that is open: real HTTP, read to its end. */
async function follow(path: string, headers: Record<string, string>): Promise<Follower> {
  const before = controller.get(OpenStreamsService).count;
  const left = new AbortController();
  const response = await fetch(`${controller.url}/api/v1${path}`, { headers, signal: left.signal });
  expect(response.status).toBe(200);
  await vi.waitFor(() => expect(controller.get(OpenStreamsService).count).toBe(before + 1), 10_000);
  let from = 0;
  let open = true;
  const read = async () => {
    let last: { event: string | undefined; code: string } = { event: undefined, code: "" };
    const parser = createParser({ onEvent: ({ event, data }) => (last = { event, code: JSON.parse(data).code }) });
    const decoder = new TextDecoder();
    try {
      for await (const bytes of response.body ?? []) parser.feed(decoder.decode(bytes, { stream: true }));
    } catch (error) {
      if (!left.signal.aborted) throw error;
    }
    open = false;
    return { ...last, took: performance.now() - from };
  };
  return { last: read(), since: () => (from = performance.now()), isOpen: () => open, leave: () => left.abort() };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const made = async (username: string) => {
  const body = { username, password: "a very good password", role: "viewer" };
  expect((await controller.call("POST", "/users", { token: admin, body })).status).toBe(201);
  const theirs = await controller.signIn(username, body.password);
  const answer = await controller.call("POST", "/tokens", { headers: { cookie: theirs }, body: { name: "t" } });
  return { cookie: theirs, token: answer.body.token as string, id: answer.body.id as string };
};

const streams = [
  { what: "of everything", path: () => "/events" },
  { what: "of a job", path: () => `/jobs/${jobId}/events` },
];

describe.each(streams)("an open stream $what ends within a second, and says why,", ({ path, what }) => {
  const name = (end: string) => `${end}${what === "of a job" ? "-job" : ""}`;
  const ends = async (one: Follower, code: string) => {
    const { event, code: told, took } = await one.last;
    expect({ event, told }).toEqual({ event: "refused", told: code });
    // Far more than it takes, and less than the next sign of life.
    expect(took).toBeLessThan(5_000);
  };

  it("when its token is revoked, and others' streams go on", async () => {
    const ada = await made(name("ada"));
    const mine = await follow(path(), bearer(ada.token));
    const others = await follow(path(), { cookie });
    mine.since();
    expect((await controller.call("DELETE", `/tokens/${ada.id}`, { token: admin })).status).toBe(200);
    await ends(mine, "not_signed_in");
    expect(others.isOpen()).toBe(true);
    others.leave();
    await vi.waitFor(() => expect(controller.get(OpenStreamsService).count).toBe(0), 10_000);
  });

  it("when its session is ended by another", async () => {
    const bob = await made(name("bob"));
    const mine = await follow(path(), { cookie: bob.cookie });
    const { body } = await controller.call("GET", `/sessions?username=${name("bob")}`, { token: admin });
    mine.since();
    await controller.call("DELETE", `/sessions/${body.items[0].id}`, { token: admin });
    await ends(mine, "not_signed_in");
  });

  it("when who reads signs out", async () => {
    const eve = await made(name("eve"));
    const mine = await follow(path(), { cookie: eve.cookie });
    mine.since();
    await controller.call("DELETE", "/session", { headers: { cookie: eve.cookie } });
    await ends(mine, "not_signed_in");
  });

  it("when the last grant that covers it is taken", async () => {
    const joe = await made(name("joe"));
    const mine = await follow(path(), { cookie: joe.cookie });
    const { body } = await controller.call("GET", `/grants?user=${name("joe")}`, { token: admin });
    mine.since();
    await controller.call("DELETE", `/grants/${body.items[0].id}`, { token: admin });
    await ends(mine, "forbidden");
  });

  it("when an admin gives the user another password, or removes the user", async () => {
    const kim = await made(name("kim"));
    const [mine, byToken] = [await follow(path(), { cookie: kim.cookie }), await follow(path(), bearer(kim.token))];
    mine.since();
    const body = { password: "another good password" };
    await controller.call("PATCH", `/users/${name("kim")}`, { token: admin, body });
    await ends(mine, "not_signed_in");
    expect(byToken.isOpen()).toBe(true);
    byToken.since();
    await controller.call("DELETE", `/users/${name("kim")}`, { token: admin });
    await ends(byToken, "not_signed_in");
  });

  it("when its session comes to its end by itself", async () => {
    const tim = await made(name("tim"));
    const auth = controller.get(AuthService);
    const identify = auth.identify.bind(auth);
    const soon = new Date(Date.now() + 1_500).toISOString();
    vi.spyOn(auth, "identify").mockImplementation(async (request) => {
      const identity = await identify(request);
      if (identity?.username !== name("tim")) return identity;
      return Date.now() >= Date.parse(soon) ? undefined : { ...identity, expiresAt: soon };
    });
    const mine = await follow(path(), { cookie: tim.cookie });
    mine.since();
    await ends(mine, "not_signed_in");
    vi.restoreAllMocks();
  });
});

describe("an open stream of a job", () => {
  it("ends when a tag that its reader's grant goes by is taken from the host, as that of a job that is not there", async () => {
    await controller.get(UsersService).add({ username: "max", password: "a very good password" }, "test");
    await controller.call("PUT", "/hosts/xen1/tags", { token: admin, body: { tags: ["shop"] } });
    const grant = { subject: { kind: "user", name: "max" }, role: "viewer", scope: "tag:shop" };
    expect((await controller.call("POST", "/grants", { token: admin, body: grant })).status).toBeLessThan(300);
    const theirs = await controller.signIn("max", "a very good password");
    const mine = await follow(`/jobs/${jobId}/events`, { cookie: theirs });
    // A change that takes nothing away ends nothing.
    await controller.call("PUT", "/hosts/xen1/tags", { token: admin, body: { tags: ["shop", "web"] } });
    expect(mine.isOpen()).toBe(true);
    // Still viewer of another thing, who may not know of this one.
    const other = { ...grant, scope: "host:xen9" };
    await controller.call("POST", "/grants", { token: admin, body: other });
    mine.since();
    await controller.call("PUT", "/hosts/xen1/tags", { token: admin, body: { tags: [] } });
    expect(await mine.last).toMatchObject({ event: "refused", code: "not_found" });
  });
});
