// Acts on VMs as the controller asks for them, over a real loopback connection, with a Xen that is not there and files that are.
import { randomUUID } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Action, type ActReply, DomainServiceClient, type RemoveReply } from "@convirt/proto/domain";
import { HostServiceClient, type Inventory } from "@convirt/proto/host";
import { credentials, status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { plainEnvironment } from "../process/run.js";
import { fakeXen, type TestAgent, TestAuthority, temporaryFolder, testAgent, testConfig, until } from "../testing.js";
import { Driver } from "../toolstack/driver.js";

interface Vm {
  vmName: string;
  vmUuid: string;
  vmConfigPath: string;
}

const folder = temporaryFolder();
const disks = join(folder.path, "disks");
const configs = join(folder.path, "configs");
const never = new AbortController().signal;
let authority: TestAuthority;
let as: ReturnType<typeof credentials.createSsl>;
let xen: ReturnType<typeof fakeXen>;
let xl: Driver;
let agent: TestAgent;
let client: DomainServiceClient;

beforeAll(async () => {
  authority = await TestAuthority.create();
  const pair = await authority.issue("urn:convirt:controller");
  const ca = Buffer.from(authority.certificate);
  const checkServerIdentity = () => undefined;
  as = credentials.createSsl(ca, Buffer.from(pair.key), Buffer.from(pair.certificate), { checkServerIdentity });
  for (const one of [disks, configs, join(folder.path, "elsewhere")]) mkdirSync(one);
  xen = fakeXen(folder.path);
  xl = new Driver({ program: xen.xl, name: "xl", environment: plainEnvironment, creates: 1, scopes: false });
});
beforeEach(async () => {
  xen.misbehave({});
  const identity = await authority.hostIdentity("xen1");
  agent = await testAgent({ config: testConfig(folder.path, xen.xl), identity });
  client = new DomainServiceClient(`127.0.0.1:${agent.port}`, as);
});
afterEach(async () => {
  client.close();
  await agent.stop();
  xen.misbehave({});
  for (const domain of await xl.list(never)) if (domain.id !== 0) await xl.destroy(domain.id, never);
});
afterAll(() => folder.remove());

/** A VM with its configuration, and the disks that it names. */
function vm(name: string, targets: readonly string[] = [], more: { uuid?: string; name?: string } = {}): Vm {
  const vmUuid = randomUUID();
  const vmConfigPath = join(configs, name);
  const list = targets.map((target, index) => `"format=raw,vdev=xvd${"abcdef"[index]},access=rw,target=${target}"`);
  writeFileSync(
    vmConfigPath,
    `name = "${more.name ?? name}"\nuuid = "${more.uuid ?? vmUuid}"\nmemory = 64\ndisk = [${list.join(", ")}]\n`,
  );
  return { vmName: name, vmUuid, vmConfigPath };
}

function disk(name: string, place = disks): string {
  const path = join(place, name);
  writeFileSync(path, "x");
  return path;
}

function act(action: Action, one: Vm): Promise<ActReply> {
  return new Promise((resolve, reject) =>
    client.act({ action, ...one }, (error, reply) => (error === null ? resolve(reply) : reject(error))),
  );
}

function remove(one: Vm, removeDisks = true, destroy = true): Promise<RemoveReply> {
  return new Promise((resolve, reject) =>
    client.remove({ ...one, removeDisks, destroy }, (error, reply) =>
      error === null ? resolve(reply) : reject(error),
    ),
  );
}

const code = (word: string, number = status.FAILED_PRECONDITION) => ({
  code: number,
  metadata: expect.toSatisfy((metadata: { get(key: string): unknown[] }) => metadata.get("convirt-code")[0] === word),
});
const running = async (name: string) => (await xl.list(never)).find((one) => one.name === name);

test("a VM goes through its life, and a wish that holds already says so", async () => {
  const web = vm("web");
  expect(await act(Action.DESTROY, web)).toEqual({ already: true, domainId: 0, commands: [] });
  const started = await act(Action.START, web);
  expect(started).toEqual({
    already: false,
    domainId: (await running("web"))?.id,
    commands: [`xl create ${web.vmConfigPath}`],
  });
  const { domainId } = started;
  expect(await act(Action.START, web)).toMatchObject({ already: true, domainId });
  expect(await act(Action.UNPAUSE, web)).toMatchObject({ already: true, domainId });
  expect(await act(Action.PAUSE, web)).toMatchObject({ already: false, domainId });
  expect((await running("web"))?.state).toBe("paused");
  expect(await act(Action.PAUSE, web)).toMatchObject({ already: true, domainId });
  expect(await act(Action.UNPAUSE, web)).toMatchObject({ already: false, domainId });
  expect(await act(Action.DESTROY, web)).toEqual({ already: false, domainId, commands: [`xl destroy ${domainId}`] });
  expect(await running("web")).toBeUndefined();
  expect(await act(Action.SHUTDOWN, web)).toMatchObject({ already: true, domainId: 0 });
});

test("a shutdown is a request, and a reboot gives a new domain", async () => {
  const web = vm("web");
  const { domainId } = await act(Action.START, web);
  await act(Action.REBOOT, web);
  await until(async () => ((await running("web"))?.id ?? domainId) !== domainId || undefined);
  await until(async () => (await xl.list(never)).length === 2 || undefined);
  expect((await act(Action.SHUTDOWN, web)).already).toBe(false);
  await until(async () => (await running("web")) === undefined || undefined);
});

test("an act is seen in the inventory without waiting for the next one", async () => {
  const host = new HostServiceClient(`127.0.0.1:${agent.port}`, as);
  const seen: string[][] = [];
  const stream = host.watchInventory({ intervalMs: 60_000 });
  stream.on("data", (one: Inventory) => seen.push(one.domains.map((domain) => domain.name)));
  stream.on("error", () => undefined);
  await until(() => seen[0]);
  await act(Action.START, vm("seen"));
  await until(() => seen.find((names) => names.includes("seen")));
  stream.cancel();
  host.close();
});

test("what does not run can be neither paused nor rebooted", async () => {
  for (const action of [Action.PAUSE, Action.UNPAUSE, Action.REBOOT])
    await expect(act(action, vm("web"))).rejects.toMatchObject(code("vm_not_on_host", status.NOT_FOUND));
});

test("a domain of the same name and another uuid is somebody else's", async () => {
  const web = vm("web");
  await act(Action.START, web);
  const imposter = { ...web, vmUuid: randomUUID() };
  for (const action of [Action.DESTROY, Action.SHUTDOWN, Action.START])
    await expect(act(action, imposter)).rejects.toMatchObject(code("vm_not_on_host", status.NOT_FOUND));
  await expect(remove(imposter)).rejects.toMatchObject(code("path_unsafe"));
  expect(await running("web")).toBeDefined();
  expect(existsSync(web.vmConfigPath)).toBe(true);
});

test.each(["", "0", "1", "Domain-0;", "a,script=/x", "$(id)", "-v", "a/b", "a\nb", "x".repeat(64)])(
  "the name %j is nobody's",
  async (vmName) => {
    await expect(act(Action.DESTROY, { ...vm("web"), vmName })).rejects.toMatchObject(code("bad_vm_name"));
  },
);

test("dom0 is never acted on, whatever it is called", async () => {
  const uuid = "00000000-0000-0000-0000-000000000000";
  const dom0 = { ...vm("Domain-0", [], { uuid }), vmUuid: uuid };
  expect(await act(Action.SHUTDOWN, dom0)).toMatchObject({ already: true, domainId: 0 });
  expect(await act(Action.DESTROY, dom0)).toMatchObject({ already: true, domainId: 0 });
  expect((await xl.list(never))[0]?.state).toBe("running");
});

test("a request without an action or a uuid is refused", async () => {
  const web = vm("web");
  await act(Action.START, web);
  await expect(act(Action.UNSPECIFIED, web)).rejects.toMatchObject(code("bad_request", status.INVALID_ARGUMENT));
  const without = { ...web, vmUuid: "" };
  await expect(act(Action.DESTROY, without)).rejects.toMatchObject(code("bad_request", status.INVALID_ARGUMENT));
});

test("a VM without a configuration is not started", async () => {
  const gone = { vmName: "gone", vmUuid: randomUUID(), vmConfigPath: join(configs, "gone") };
  await expect(act(Action.START, gone)).rejects.toMatchObject(code("vm_config_missing"));
  await expect(act(Action.START, { ...gone, vmConfigPath: "" })).rejects.toMatchObject(code("vm_config_missing"));
});

test("no other file is started or deleted by naming its path", async () => {
  const other = vm("other");
  const named = vm("named", [], { name: "other" });
  const foreign = vm("foreign", [], { uuid: randomUUID() });
  const link = { ...vm("link2"), vmName: "link", vmConfigPath: join(configs, "link") };
  symlinkSync(join(configs, "link2"), link.vmConfigPath);
  mkdirSync(join(configs, "folder"));
  const hosts = disk("hosts", join(folder.path, "elsewhere"));
  const paths = [
    { ...vm("web"), vmConfigPath: other.vmConfigPath },
    named,
    foreign,
    link,
    { ...named, vmName: "folder", vmConfigPath: join(configs, "folder") },
    { ...named, vmName: "hosts", vmConfigPath: hosts },
    { ...other, vmConfigPath: `${configs}/../configs/other` },
    { ...other, vmConfigPath: `configs/other` },
    { ...other, vmConfigPath: `${configs}//other` },
  ];
  for (const one of paths) {
    await expect(act(Action.START, one), one.vmConfigPath).rejects.toMatchObject(code("path_unsafe"));
    await expect(remove(one), one.vmConfigPath).rejects.toMatchObject(code("path_unsafe"));
  }
  for (const path of [other, named, foreign, link].map((one) => one.vmConfigPath)) expect(existsSync(path)).toBe(true);
  expect(readFileSync(hosts, "utf8")).toBe("x");
  expect(await xl.list(never)).toHaveLength(1);
});

test("the toolstack's refusal is passed on in its own words", async () => {
  const web = vm("web", [join(disks, "missing")]);
  const error = await act(Action.START, web).catch((caught: unknown) => caught);
  expect(error).toMatchObject(code("toolstack_refused"));
  expect(error).toMatchObject({ details: expect.stringContaining("failed to stat") });
});

test("a domain that has crashed is not taken for one that runs", async () => {
  const web = vm("web");
  await act(Action.START, web);
  const world = join(folder.path, "xen", "world.json");
  writeFileSync(
    world,
    readFileSync(world, "utf8").replace('"state":"running","startedAtMs"', '"state":"running","startedAtMs"'),
  );
  const state = JSON.parse(readFileSync(world, "utf8")) as { domains: { name: string; state: string }[] };
  for (const domain of state.domains) if (domain.name === "web") domain.state = "zombie";
  writeFileSync(world, JSON.stringify(state));
  const error = await act(Action.START, web).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ ...code("toolstack_refused"), details: expect.stringContaining("zombie") });
  expect((await act(Action.DESTROY, web)).already).toBe(false);
});

test("acts on one VM wait for each other", async () => {
  xen.misbehave({ create: { delayMs: 300 } });
  const web = vm("web");
  const both = await Promise.all([act(Action.START, web), act(Action.START, web)]);
  expect(both.map((one) => one.already).sort()).toEqual([false, true]);
});

test("acts on one VM do not wait for those on another", async () => {
  const quick = vm("quick");
  await act(Action.START, quick);
  xen.misbehave({ create: { delayMs: 1500 } });
  const calls = xen.calls().length;
  const order: string[] = [];
  const slow = act(Action.START, vm("slow")).then(() => order.push("slow"));
  await until(() => xen.calls().slice(calls).includes("create") || undefined);
  await act(Action.PAUSE, quick).then(() => order.push("quick"));
  await slow;
  expect(order).toEqual(["quick", "slow"]);
});

test("an act that has begun comes to its end when the caller has gone", async () => {
  xen.misbehave({ create: { delayMs: 500 } });
  const calls = xen.calls().length;
  const call = client.act({ action: Action.START, ...vm("patient") }, () => undefined);
  await until(() => xen.calls().slice(calls).includes("create") || undefined);
  call.cancel();
  await until(() => running("patient"));
});

test("a VM that runs is removed only when it may be destroyed", async () => {
  const web = vm("web", [disk("web.img")]);
  await act(Action.START, web);
  await expect(remove(web, true, false)).rejects.toMatchObject(code("vm_running"));
  expect(existsSync(join(disks, "web.img"))).toBe(true);
  expect(await remove(web)).toMatchObject({ removed: [join(disks, "web.img"), web.vmConfigPath], kept: [] });
  expect(await running("web")).toBeUndefined();
  expect(existsSync(join(disks, "web.img"))).toBe(false);
  expect(existsSync(web.vmConfigPath)).toBe(false);
  expect(await remove(web)).toMatchObject({ removed: [], kept: [] });
});

test("disks are kept when nobody asked for their removal", async () => {
  const web = vm("web", [disk("web.img")]);
  expect(await remove(web, false)).toMatchObject({ removed: [web.vmConfigPath], kept: [join(disks, "web.img")] });
});

test("nothing is removed outside of the allowed folders, by any trick", async () => {
  const elsewhere = join(folder.path, "elsewhere");
  const outside = disk("outside.img", elsewhere);
  symlinkSync(outside, join(disks, "link.img"));
  symlinkSync(elsewhere, join(disks, "door"));
  const hard = disk("hard.img");
  linkSync(hard, join(elsewhere, "hard.img"));
  mkdirSync(join(disks, "folder.img"));
  const targets = [
    outside,
    `${disks}/../elsewhere/outside.img`,
    join(disks, "link.img"),
    join(disks, "door", "outside.img"),
    join(disks, "folder.img"),
    "/dev/disk/by-id/one",
    hard,
  ];
  const web = vm("web", targets.slice(0, 6));
  expect(await remove(web)).toMatchObject({ removed: [web.vmConfigPath], kept: targets.slice(0, 6) });
  expect(readFileSync(outside, "utf8")).toBe("x");
  expect((await remove(vm("web", [hard]))).removed).toContain(hard);
  expect(readFileSync(join(elsewhere, "hard.img"), "utf8")).toBe("x");
});

test("a configuration for xm is read as well", async () => {
  const path = disk("old.img");
  const old = vm("old");
  writeFileSync(
    old.vmConfigPath,
    `name = 'old'\nuuid = '${old.vmUuid}'\ndisk = ['file:${path},xvda,w']\nacpi = True\n`,
  );
  expect((await remove(old)).removed).toEqual([path, old.vmConfigPath]);
});
