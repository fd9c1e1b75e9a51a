import { once } from "node:events";
import { status } from "@grpc/grpc-js";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { fingerprintOf } from "../config/authority.js";
import { HostEntity } from "../hosts/host.entity.js";
import { InventoryService } from "../inventory/inventory.service.js";
import { TestController } from "../testing.js";
import { AgentsService } from "./agents.service.js";
import { RenewalService } from "./renewal.service.js";
import { TestAgent } from "./testing.js";

let controller: TestController;
let token: string;
const running: TestAgent[] = [];

beforeEach(async () => {
  controller = await TestController.start();
  token = await controller.tokenFor("admin");
});
afterEach(async () => {
  vi.useRealTimers();
  for (const agent of running.splice(0)) agent.kill();
  await controller.end();
});

async function invite(name: string): Promise<string> {
  return (await controller.call("POST", "/hosts/invitations", { token, body: { host: name } })).body.invitation;
}

async function enrol(name: string, options: Parameters<typeof TestAgent.enrol>[1] = {}): Promise<TestAgent> {
  const agent = await TestAgent.enrol(await invite(name), options);
  running.push(agent);
  return agent;
}

const agents = () => controller.get(AgentsService);
const show = async (name: string) => (await controller.call("GET", `/hosts/${name}`, { token })).body;
const stored = (id: string) => controller.get(DataSource).manager.findOneByOrFail(HostEntity, { id });
const until = (condition: () => unknown) => vi.waitFor(async () => expect(await condition()).toBeTruthy(), 15_000);
const inContact = (agent: TestAgent) => until(() => agents().inContact(agent.hostId));

describe("the link to a host", () => {
  test("comes into contact by itself after enrolment, with facts and inventory", async () => {
    const agent = await enrol("xen1");
    await inContact(agent);
    expect(await show("xen1")).toMatchObject({
      contact: "in_contact",
      id: agent.hostId,
      facts: { hostname: "xen1", memoryMib: 8192, agentVersion: "9.9.9", toolstack: "xl" },
      freeMemoryMib: 4096,
      domains: 1,
      lastContactAgeS: 0,
      toolstackError: null,
    });
    expect(agents().hostViewFor(agent.hostId)).toMatchObject({ nodename: "xen1", machine: "x86_64" });
    expect((await show("xen1")).facts.features).toEqual([
      "staging.chunks",
      "staging.remove",
      "domain.look",
      "domain.console",
      "provision.clean",
      "provision.secrets",
    ]);
  });

  test("asks for the facts again when they have changed", async () => {
    const agent = await enrol("xen1");
    await inContact(agent);
    agent.factsDigest = "2";
    agent.hostname = "renamed";
    agent.report();
    await until(async () => (await show("xen1")).facts.hostname === "renamed");
    expect(agent.hellos).toBe(2);
  });

  test("mends itself when the host hangs up, and tells who listens", async () => {
    const agent = await enrol("xen1");
    await inContact(agent);
    const told: boolean[] = [];
    agents().onContact((_id, contact) => told.push(contact));
    const lost = agents().contactLost(agent.hostId);
    agent.hangUp();
    await until(() => told.length === 2);
    expect(told).toEqual([false, true]);
    expect(lost.aborted).toBe(true);
    expect(agents().contactLost(agent.hostId).aborted).toBe(false);
  });

  test("is refused by name to who wants something of a host that is away, and another host goes on", async () => {
    const [away, here] = [await enrol("xen1"), await enrol("xen2")];
    await Promise.all([inContact(away), inContact(here)]);
    away.kill();
    await until(() => !agents().inContact(away.hostId));
    expect(() => agents().connection(away.hostId)).toThrow(/^xen1 is not in contact/);
    expect((await show("xen1")).contact).toBe("silent");
    expect((await show("xen1")).lastContactAt).not.toBeNull();
    here.report({ freeMemoryMib: 77n });
    await until(async () => (await show("xen2")).freeMemoryMib === 77);
  });

  test("takes 15 s of silence for the loss of contact", async () => {
    const agent = await enrol("xen1");
    await inContact(agent);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    // The next inventory starts the clock that the test holds.
    agent.report({ freeMemoryMib: 5n });
    while (controller.get(InventoryService).domainsOf(agent.hostId)?.freeMemoryMib !== 5)
      await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(14_000);
    expect(agents().inContact(agent.hostId)).toBe(true);
    await vi.advanceTimersByTimeAsync(1_500);
    expect(agents().inContact(agent.hostId)).toBe(false);
  });

  test("is not made with a host that shows the certificate of another one of ours", async () => {
    const good = await enrol("xen1");
    await inContact(good);
    const impostor = await enrol("xen2", { serveAs: good });
    const id = (await show("xen2")).id;
    await expect(untilContact(id, 1_500)).rejects.toThrow();
    expect(impostor.hellos).toBe(0);
    expect((await show("xen2")).contact).toBe("silent");
  });
});

function untilContact(hostId: string, limitMs: number): Promise<void> {
  return agents().untilContact(hostId, AbortSignal.timeout(limitMs));
}

describe("the removal of a host", () => {
  test("ends its link and every stream and call on it at once, and it cannot come back", async () => {
    let ended = 0;
    const agent = await enrol("xen1", {
      provision: {
        follow: (call) => {
          call.on("cancelled", () => {
            ended += 1;
          });
        },
        listJobs: (call) => {
          call.on("cancelled", () => {
            ended += 1;
          });
        },
      },
    });
    await inContact(agent);
    const { provision } = agents().connection(agent.hostId);
    const stream = provision.follow({ jobId: "j", afterSequence: 0n, logOffset: 0n });
    const broken = once(stream, "error");
    const call = new Promise<number>((resolve) => provision.listJobs({}, (error) => resolve(error?.code ?? status.OK)));
    stream.resume();
    await until(() => agent.watched === 1);
    const answer = await controller.call("DELETE", "/hosts/xen1", { token });
    expect(answer.body).toEqual({ ok: true });
    await expect(broken).resolves.toEqual([expect.objectContaining({ code: status.UNAVAILABLE })]);
    expect(await call).toBe(status.UNAVAILABLE);
    await until(() => ended >= 2 && agent.watched === 0);
    expect(() => agents().connection(agent.hostId)).toThrow();
    expect((await controller.call("GET", "/hosts/xen1", { token })).body.code).toBe("not_found");
    expect(agents().inContact(agent.hostId)).toBe(false);
    // Well below the half minute after which keepalive would have ended it anyway.
  }, 25_000);
});

describe("what a host last reported", () => {
  test("survives a restart of the controller, with its age", async () => {
    await controller.end();
    controller = await TestController.start();
    const { folder } = controller;
    await controller.stop();
    const database = `${folder}/data/convirt.db`;
    controller = await TestController.start({ folder, database });
    token = await controller.tokenFor("admin");
    const agent = await enrol("xen1");
    await inContact(agent);
    const seen = (await show("xen1")).lastContactAt;
    agent.kill();
    await controller.stop();
    controller = await TestController.start({ folder, database });
    const host = await show("xen1");
    expect(host).toMatchObject({ contact: "silent", freeMemoryMib: 4096, domains: 1, lastContactAt: seen });
    expect(host.facts.hostname).toBe("xen1");
    expect(host.lastContactAgeS).toBeGreaterThanOrEqual(0);
    expect(agents().hostViewFor(agent.hostId).machine).toBe("x86_64");
    expect(controller.get(InventoryService).domainsOf(agent.hostId)?.domains[1]).toMatchObject({ name: "web" });
  });
});

describe("a host's certificate", () => {
  test("is renewed over the link when a third of its life is left, and the new one is taken from then on", async () => {
    const agent = await enrol("xen1");
    await inContact(agent);
    const old = agent.certificate;
    agent.notAfter = new Date(Date.now() + 29 * 86_400_000).toISOString();
    agent.factsDigest = "2";
    agent.report();
    await until(() => agents().endingWithin(30 * 86_400_000).length === 1);
    await controller.get(RenewalService).renewDue();
    expect(agent.certificate).not.toBe(old);
    expect((await stored(agent.hostId)).fingerprint).toBe(fingerprintOf(agent.certificate));
    expect(agents().endingWithin(30 * 86_400_000)).toEqual([]);
  });

  test("stays good when the host cannot take the new one: contact goes on, and it is asked again", async () => {
    const agent = await enrol("xen1");
    await inContact(agent);
    agent.refuseRenewal = "disk full";
    agent.notAfter = new Date(Date.now() + 86_400_000).toISOString();
    agent.factsDigest = "2";
    agent.report();
    await until(() => agents().endingWithin(30 * 86_400_000).length === 1);
    for (let n = 0; n < 3; n += 1) await controller.get(RenewalService).renewDue();
    expect(agents().inContact(agent.hostId)).toBe(true);
    const { fingerprint } = await stored(agent.hostId);
    expect(fingerprint.split(",")).toHaveLength(2);
    expect(fingerprint).toContain(fingerprintOf(agent.certificate));
    agent.refuseRenewal = undefined;
    await controller.get(RenewalService).renewDue();
    expect((await stored(agent.hostId)).fingerprint).toBe(fingerprintOf(agent.certificate));
  });
});
