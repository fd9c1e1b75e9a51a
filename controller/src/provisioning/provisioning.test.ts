import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CleanReply, type CleanRequest, type ProvisionServiceServer } from "@convirt/proto/provision";
import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { TestController } from "../testing.js";
import { enrolHost, inContact, jobIs, makeImage, type TestHost } from "../testing-jobs.js";
import { JobEntity } from "./job.entity.js";

let controller: TestController;
let token: string;
let folder: string;
const agents: TestHost[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "convirt-jobs-"));
  await start();
  await makeImage(controller, token);
});
afterEach(async () => {
  await controller.end();
  for (const agent of agents.splice(0)) agent.kill();
});

async function start(): Promise<void> {
  controller = await TestController.start({ folder, database: join(folder, "convirt.db") });
  token = await controller.tokenFor("admin");
}

async function enrol(name: string, provision: Partial<ProvisionServiceServer> = {}): Promise<TestHost> {
  const agent = await enrolHost(controller, token, name, { provision });
  agents.push(agent);
  return agent;
}

const provision = (vm: string, headers: Record<string, string> = {}, host = "xen1") =>
  controller.call("POST", "/jobs", { token, body: { image: "Tiny", host, vm }, headers });
const job = async (id: string) => (await controller.call("GET", `/jobs/${id}`, { token })).body;
const is = (id: string, status: string) => jobIs(controller, token, id, (found) => found.status === status);

describe("one wish is one job", () => {
  test("when it comes twenty times at once, and again after a restart of the controller", async () => {
    await enrol("xen1");
    const key = { "idempotency-key": "one-wish" };
    const answers = await Promise.all(Array.from({ length: 20 }, () => provision("shop", key)));
    const ids = new Set(answers.map((answer) => answer.body.id));
    expect(ids.size).toBe(1);
    await is(answers[0]?.body.id, "succeeded");
    await controller.stop();
    await start();
    // Also when the answer that was kept is gone: the job itself carries the key.
    await controller.get(DataSource).query("DELETE FROM kept_answers");
    const again = await provision("shop", key);
    expect({ status: again.status, id: again.body.id }).toEqual({ status: 202, id: [...ids][0] });
    expect(await controller.get(DataSource).manager.count(JobEntity)).toBe(1);
    expect((await provision("other", key)).body.code).toBe("idempotency_key_reused");
  });

  test("when it is a retry: the key of a request makes no retry of it", async () => {
    await enrol("xen1");
    const key = { "idempotency-key": "slow-wish" };
    const { body } = await provision("slow", key);
    await is(body.id, "running");
    await controller.call("POST", `/jobs/${body.id}/cancel`, { token });
    await is(body.id, "cancelled");
    const retried = await controller.call("POST", `/jobs/${body.id}/retry`, { token, headers: key });
    expect(retried.body.code).toBe("idempotency_key_reused");
  });
});

describe("a cancel", () => {
  test("says that the job never started, was asked to stop, or cannot be stopped any more", async () => {
    await enrol("xen1");
    const cancel = async (id: string) => (await controller.call("POST", `/jobs/${id}/cancel`, { token })).body;
    const ids: string[] = [];
    for (const vm of ["slow1", "slow2", "slow3"]) ids.push((await provision(vm)).body.id);
    const [first = "", , third = ""] = ids;
    await is(first, "running");
    expect(await cancel(third)).toMatchObject({ outcome: "never_started", job: { status: "cancelled" } });
    expect((await job(third)).startedAt).toBeNull();
    expect(await cancel(first)).toMatchObject({ outcome: "asked_to_stop", hostTold: true });
    await is(first, "cancelled");
    expect(await cancel(first)).toMatchObject({ outcome: "too_late", job: { status: "cancelled" } });
  });

  test("of a job on a silent host is kept, and told when the host is in contact again", async () => {
    const agent = await enrol("xen1");
    const { body } = await provision("slow");
    await is(body.id, "running");
    agent.kill();
    await jobIs(controller, token, body.id, (found) => found.hostContact === "silent");
    const silent = await job(body.id);
    expect(silent.status).toBe("running");
    expect(Date.parse(silent.contactLostSince)).toBeLessThanOrEqual(Date.now());
    const answer = await controller.call("POST", `/jobs/${body.id}/cancel`, { token });
    expect(answer.body).toMatchObject({ outcome: "asked_to_stop", hostTold: false, job: { status: "cancelling" } });
  });
});

describe("what a job left behind", () => {
  const left = { kind: "file", path: "/d/x.img", bytes: 10, detail: "" };

  test("is shown, cleaned when a provisioner asks, and recorded as an event behind the end", async () => {
    await enrol("xen1");
    const { body } = await provision("slow");
    await is(body.id, "running");
    expect((await controller.call("POST", `/jobs/${body.id}/clean`, { token })).body.code).toBe("job_not_cleanable");
    await controller.call("POST", `/jobs/${body.id}/cancel`, { token });
    expect((await is(body.id, "cancelled")).leftovers).toEqual([left]);
    const viewer = await controller.tokenFor("viewer");
    expect((await controller.call("POST", `/jobs/${body.id}/clean`, { token: viewer })).body.code).toBe("forbidden");
    const provisioner = await controller.tokenFor("provisioner");
    const cleaned = await controller.call("POST", `/jobs/${body.id}/clean`, { token: provisioner });
    expect(cleaned.body).toMatchObject({ cleaned: [left], kept: [] });
    expect(await job(body.id)).toMatchObject({ leftovers: [], cleaned: [{ ...left, by: "a-provisioner" }] });
    const events = await controller.call("GET", `/jobs/${body.id}/events`, { token });
    const kinds = [...events.body.matchAll(/^event: (\w+)$/gm)].map(([, kind]) => kind);
    expect(kinds.slice(-2)).toEqual(["status", "cleaned"]);
    // Again: nothing is left, and nothing is recorded twice.
    expect((await controller.call("POST", `/jobs/${body.id}/clean`, { token: provisioner })).body.cleaned).toEqual([]);
    expect((await job(body.id)).cleaned).toHaveLength(1);
  });

  test("and could not be cleaned stays, with the reason", async () => {
    const leftover = { ...left, bytes: 10n };
    const clean = (_call: ServerUnaryCall<CleanRequest, CleanReply>, done: sendUnaryData<CleanReply>) =>
      done(null, { removed: [], remaining: [{ leftover, code: "in_use", message: "a domain holds it" }] });
    await enrol("xen1", { clean });
    const { body } = await provision("slow");
    await is(body.id, "running");
    await controller.call("POST", `/jobs/${body.id}/cancel`, { token });
    await is(body.id, "cancelled");
    const answer = await controller.call("POST", `/jobs/${body.id}/clean`, { token });
    expect(answer.body).toMatchObject({ cleaned: [], kept: [{ ...left, code: "in_use" }] });
    expect((await job(body.id)).leftovers).toEqual([left]);
  });

  test("is not asked for of an agent that cannot clean, which is told by a code", async () => {
    const agent = await enrol("xen1");
    const { body } = await provision("slow");
    await is(body.id, "running");
    await controller.call("POST", `/jobs/${body.id}/cancel`, { token });
    await is(body.id, "cancelled");
    agent.features = [];
    // It is called again within a second, at any moment: here at the end of it.
    const late = vi.spyOn(Math, "random").mockReturnValue(0.99);
    agent.hangUp();
    await jobIs(controller, token, body.id, (found) => found.hostContact === "silent");
    late.mockRestore();
    await inContact(controller, agent);
    expect((await controller.call("POST", `/jobs/${body.id}/clean`, { token })).body.code).toBe("agent_too_old");
  });
});

describe("a host's queue", () => {
  test("runs as many jobs at once as the settings say, in the order in which they were asked for, whatever the clock said", async () => {
    await enrol("xen1");
    const ids: string[] = [];
    for (const vm of ["slow1", "slow2", "slow3", "slow4"]) ids.push((await provision(vm)).body.id);
    await is(ids[1] ?? "", "running");
    // The clock was an hour ahead when the third was made, and has been set back since.
    const ahead = new Date(Date.now() + 3_600_000).toISOString();
    await controller.get(DataSource).manager.update(JobEntity, { id: ids[2] ?? "" }, { createdAt: ahead });
    const listed = async () =>
      (await controller.call("GET", "/jobs?sort=createdAt", { token })).body.items.map((one: { id: string }) => one.id);
    expect(await listed()).toEqual(ids);
    const states = await Promise.all(ids.map(async (id) => (await job(id)).status));
    expect(states).toEqual(["running", "running", "queued", "queued"]);
    await controller.stop();
    await start();
    await controller.call("POST", `/jobs/${ids[0]}/cancel`, { token });
    await is(ids[2] ?? "", "running");
    expect((await job(ids[3] ?? "")).status).toBe("queued");
  });
});

test("the jobs of a host that is removed by force end, and say that they cannot be known", async () => {
  await enrol("xen1");
  const ids: string[] = [];
  for (const vm of ["slow1", "slow2", "slow3"]) ids.push((await provision(vm)).body.id);
  await is(ids[1] ?? "", "running");
  await controller.call("DELETE", "/hosts/xen1?force=true", { token });
  expect(await is(ids[0] ?? "", "lost")).toMatchObject({ code: "runner_lost", hostContact: "removed" });
  expect(await is(ids[2] ?? "", "failed")).toMatchObject({ code: "host_refused", startedAt: null });
});
