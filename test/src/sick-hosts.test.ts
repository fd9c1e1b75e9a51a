// A host that hangs slows nobody else: not another host's jobs, and no list of the API. It hangs for as long as the test lasts, so whatever waited for it would never
// come to its end; what comes, came without it.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RouteName } from "@convirt/contract/routes";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { startInstallation, type TestInstallation } from "./testing.js";

const lists = [
  "listHosts",
  "listJobs",
  "listVms",
  "listImages",
  "listDrift",
  "listBackups",
  "listUsers",
  "listTokens",
] as const satisfies readonly RouteName[];
/** For what a host does by itself every 10 s, or gives up after a minute. */
const waits = { timeout: 120_000, interval: 250 };
/** Less than any call to a host is given (15 s), or a dead link needs to be found out (30 s). */
const listLimitMs = 10_000;

let t: TestInstallation;
let nextVm = 0;
beforeAll(async () => {
  t = await startInstallation(["well", "sick"]);
  const bare = { imageConf: "VM_CONF_DIR='/c'\n", vmConf: "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\n" };
  await t.addImage("Plain", { script: "#!/bin/bash\necho hello\n", ...bare });
  const gated = `#!/bin/bash\necho begun\nuntil [ -e "$CONVIRT_STORE/../gate" ]; do sleep 0.05; done\n`;
  await t.addImage("Gated", { script: gated, ...bare });
}, 120_000);
afterAll(() => t.stop());

let heal: () => Promise<void> | void = () => undefined;
afterEach(() => heal());

async function provision(image: string, host: string) {
  nextVm += 1;
  const imageConf = { VM_CONF_DIR: t.installation.places(host)["VM_CONF_DIR"] ?? "" };
  return t.installation.client.call("provision", { body: { image, host, vm: `vm${nextVm}`, imageConf } });
}

const gate = () => join(t.installation.host("sick").folder, "gate");

/** The sick host has both of its places taken by jobs that run, and one that waits. */
async function loadSick(): Promise<string[]> {
  rmSync(gate(), { force: true });
  const jobs = [await provision("Gated", "sick"), await provision("Gated", "sick"), await provision("Gated", "sick")];
  for (const { id } of jobs.slice(0, 2)) {
    for await (const event of t.installation.client.events(id)) if (event.kind === "log") break;
  }
  return jobs.map(({ id }) => id);
}

/** The well host's job goes through and every list answers, and the sick host's jobs are where they were. */
async function nobodyElseIsSlowed(sickJobs: readonly string[]): Promise<void> {
  const { client } = t.installation;
  const job = await provision("Plain", "well");
  expect(await client.ended(job.id)).toMatchObject({ status: "succeeded" });
  expect((await client.log(job.id)).toString("utf8")).toBe("hello\n");
  for (const name of lists) {
    const answer = await client.call(name, { signal: AbortSignal.timeout(listLimitMs) });
    expect(answer, name).toMatchObject({ items: expect.anything() });
  }
  for (const id of sickJobs)
    expect(["queued", "running"]).toContain((await client.call("showJob", { params: { id } })).status);
}

/** Lets the sick host's jobs come to their ends, so that the next test finds it free. */
async function finish(jobs: readonly string[]): Promise<void> {
  writeFileSync(gate(), "");
  for (const id of jobs) expect(["succeeded", "failed"]).toContain((await t.installation.client.ended(id)).status);
}

test("a host whose xl hangs slows no other host's jobs and no list", async () => {
  const jobs = await loadSick();
  const misbehave = (how: Record<string, object>) => t.installation.misbehave("sick", how);
  misbehave(Object.fromEntries(["list", "info", "create", "destroy", "shutdown"].map((one) => [one, { hang: true }])));
  heal = () => misbehave({});
  // Calls that wait for it are under way, too.
  const waiting = provision("Plain", "sick");
  await nobodyElseIsSlowed(jobs);
  misbehave({});
  await finish([...jobs, (await waiting).id]);
}, 300_000);

test("a host whose xl hangs is heard as ever, and what it saw of its VMs grows old, until it sees again", async () => {
  const { client } = t.installation;
  const job = await provision("Plain", "sick");
  expect(await client.ended(job.id)).toMatchObject({ status: "succeeded" });
  await client.call("startVm", { params: { id: job.vm } });
  const misbehave = (how: Record<string, object>) => t.installation.misbehave("sick", how);
  const now = async () => {
    const { items } = await client.call("listVms", { query: { name: job.vm } });
    const host = await client.call("showHost", { params: { name: "sick" } });
    return { vm: items[0], host };
  };
  await vi.waitFor(async () => expect((await now()).vm).toMatchObject({ state: "running" }), waits);
  misbehave({ list: { hang: true } });
  heal = () => misbehave({});
  const old = await vi.waitFor(async () => {
    const { vm, host } = await now();
    expect(host.toolstackError).toMatch(/has not answered|gave no answer/);
    expect(vm?.stateAgeS).toBeGreaterThan(12);
    return { vm, host };
  }, waits);
  expect(old.vm?.state).toBe("running");
  expect(old.host).toMatchObject({ contact: "in_contact", domainsSeenAt: old.vm?.stateAt });
  expect(old.host.lastContactAgeS).toBeLessThan(old.host.domainsSeenAgeS ?? 0);
  misbehave({});
  await vi.waitFor(async () => {
    const { vm, host } = await now();
    expect(host.toolstackError).toBeNull();
    expect(vm?.stateAt).not.toBe(old.vm?.stateAt);
  }, waits);
}, 300_000);

test("a host that takes connections and never answers slows no other host's jobs and no list", async () => {
  const jobs = await loadSick();
  const { process: agent } = t.installation.host("sick");
  agent.kill("SIGSTOP");
  heal = () => void agent.kill("SIGCONT");
  const waiting = provision("Plain", "sick").catch((error: unknown) => error);
  await nobodyElseIsSlowed(jobs);
  const drift = await t.installation.client.call("listDrift");
  expect(drift.notCompared).toEqual([
    { host: "sick", reason: expect.stringMatching(/^(it gave no answer in time|silent since .*)$/) },
  ]);
  agent.kill("SIGCONT");
  await waiting;
  await finish(jobs);
}, 300_000);
