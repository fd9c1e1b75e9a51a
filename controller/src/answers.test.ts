import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Route } from "@convirt/contract/route";
import { type RouteName, routes } from "@convirt/contract/routes";
import { Secret, TOTP } from "otpauth";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { TestAgent } from "./agents/testing.js";
import { type CallOptions, TestController } from "./testing.js";
import { expectAnswer } from "./testing-answers.js";
import { makeSigningRequest, post, readInvitation } from "./testing-enrolment.js";

let controller: TestController;
let agent: TestAgent;
let token: string;
const answered = new Set<RouteName>();

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "convirt-answers-"));
  controller = await TestController.start({ folder, database: join(folder, "convirt.db") });
  token = await controller.tokenFor("admin");
  makeImage("Tiny");
  const { body } = await controller.call("POST", "/hosts/invitations", { token, body: { host: "xen2" } });
  agent = await TestAgent.enrol(body.invitation);
  await vi.waitFor(async () => {
    expect((await controller.call("GET", "/hosts/xen2", { token })).body.contact).toBe("in_contact");
  }, 15_000);
});
afterAll(async () => {
  await controller.end();
  agent.kill();
});

/** In place of the token: with the session's cookie alone. */
const mine = { token: undefined };

/** Calls a route and holds its answer against the published schema and against the contract, which must not have to drop a field of it. */
async function answer(
  name: RouteName,
  options: Omit<CallOptions, "token"> & { path?: string; token?: undefined } = {},
  // biome-ignore lint/suspicious/noExplicitAny: the published schema has just said what it is.
): Promise<any> {
  const route: Route = routes[name];
  const got = await controller.call(route.method, options.path ?? route.path, { token, ...options } as CallOptions);
  expect({ name, status: got.status, body: got.body }).toMatchObject({ name, status: route.status });
  held(name, got.body);
  return got.body;
}

function held(name: RouteName, body: unknown): void {
  expectAnswer(name, body);
  answered.add(name);
}

describe("real answers keep to the document", () => {
  test("of itself", async () => {
    await answer("openapi");
  });

  test("of access", async () => {
    const password = "a good password";
    await answer("signIn", { body: { username: "admin", password: "correct horse battery" } });
    await answer("showSession");
    await answer("signInMethods");
    const headers = { cookie: await controller.signIn() };
    const begun = await answer("beginSecondFactor", { headers, ...mine });
    const code = new TOTP({ secret: Secret.fromBase32(begun.secret) }).generate();
    const confirmed = await answer("confirmSecondFactor", { headers, ...mine, body: { code } });
    expect(confirmed.recoveryCodes).toHaveLength(8);
    const own = "correct horse battery";
    await answer("removeSecondFactor", { headers, ...mine, body: { password: own } });
    await answer("changePassword", { headers, ...mine, body: { password: own, newPassword: own } });
    const sessions = await answer("listSessions");
    await answer("endSession", { path: `/sessions/${sessions.items[0].id}` });
    await answer("createUser", { body: { username: "ada", password, role: "viewer" } });
    await answer("changeUser", { path: "/users/ada", body: { role: "operator" } });
    await answer("listUsers");
    const made = await answer("createToken", { body: { name: "one", expiresInDays: 1 } });
    await answer("listTokens");
    await answer("revokeToken", { path: `/tokens/${made.id}` });
    const subject = { kind: "group", name: "ops" };
    const grant = await answer("giveGrant", { body: { subject, role: "operator", scope: "tag:shop" } });
    await answer("listGrants");
    await answer("takeGrant", { path: `/grants/${grant.id}` });
    await answer("listAudit");
    await answer("showAudit", { path: "/audit/1" });
    await answer("verifyAudit");
    await answer("tagHost", { path: "/hosts/xen2/tags", body: { tags: ["shop"] } });
    await answer("tagImage", { path: "/images/Tiny/tags", body: { tags: ["shop"] } });
    expect((await answer("listTags")).total).toBe(2);
    await answer("removeUser", { path: "/users/ada" });
    await answer("signOut");
  });

  test("of hosts", async () => {
    const { invitation } = await answer("inviteHost", { body: { host: "xen1" } });
    await answer("showHost", { path: "/hosts/xen1" });
    const { host, secret } = readInvitation(invitation);
    const { pem } = await makeSigningRequest(host);
    const body = { host, secret, signingRequest: pem, address: "127.0.0.1:9", agentVersion: "1" };
    const enrolled = await post(`${controller.httpsUrl}/api/v1/enrolment`, body);
    expect(enrolled.status).toBe(201);
    held("enrol", enrolled.body);
    await answer("showHost", { path: "/hosts/xen1" });
    await answer("listHosts");
    await answer("drainHost", { path: "/hosts/xen1/drain", body: { draining: true } });
    await answer("removeHost", { path: "/hosts/xen1" });
  });

  test("of images", async () => {
    await answer("scanImages");
    await answer("listImages");
    await answer("showImage", { path: "/images/Tiny" });
    const like = await answer("createLike", { path: "/images/Tiny/create-like", body: { name: "Other" } });
    expect(like.name).toBe("Other");
    await answer("editOptions", { path: "/images/Other/options", body: { imageConf: { set: { size: 20 } } } });
    await answer("draftImage", { path: "/images/Other/draft", body: { files: { "image.conf": "size=1\n" } } });
    const { versions } = await answer("showImage", { path: "/images/Other" });
    const [one, other] = versions as { version: string }[];
    const diff = await answer("diffImage", { path: `/images/Other/versions/${other?.version}/diff/${one?.version}` });
    expect(diff.files).toHaveLength(1);
    const file = await answer("readFile", { path: "/images/Other/files/image.conf" });
    await answer("saveFile", {
      path: "/images/Other/files/image.conf",
      body: { text: `${file.text}# more\n`, sha256: file.sha256 },
    });
    const archive = await fetch(`${controller.url}/api/v1/images/Other/export`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(archive.headers.get("content-type")).toMatch(/^application\//);
    const imported = await fetch(`${controller.url}/api/v1/images/import?name=Third`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/octet-stream" },
      body: await archive.arrayBuffer(),
    });
    expect(imported.status).toBe(201);
    held("importImage", await imported.json());
    await answer("removeImage", { path: "/images/Third" });
  });

  test("of jobs and VMs", async () => {
    const body = { image: "Tiny", host: "xen2", vm: "shop" };
    await answer("dryRun", { body });
    expect((await answer("listStaged", { path: "/hosts/xen2/staged" })).items[0].lastUsedAt).toBe(null);
    expect(await answer("removeStaged", { path: "/hosts/xen2/staged/Tiny" })).toMatchObject({ freedBytes: 4096 });
    const job = await answer("provision", { body });
    await ended(job.id, "succeeded");
    await answer("listJobs");
    await answer("showJob", { path: `/jobs/${job.id}` });
    const slow = await answer("provision", { body: { ...body, vm: "slow" } });
    await ended(slow.id, "running");
    await answer("cancelJob", { path: `/jobs/${slow.id}/cancel` });
    await ended(slow.id, "cancelled");
    await answer("cleanJob", { path: `/jobs/${slow.id}/clean` });
    await answer("retryJob", { path: `/jobs/${slow.id}/retry` });
    await answer("listVms");
    const vm = await answer("showVm", { path: "/vms/shop" });
    expect(vm.jobId).toBe(job.id);
    for (const [name, word] of [
      ["startVm", "start"],
      ["shutdownVm", "shutdown"],
      ["destroyVm", "destroy"],
      ["pauseVm", "pause"],
      ["unpauseVm", "unpause"],
      ["rebootVm", "reboot"],
      ["readConsoleLog", "console-log"],
    ] as const)
      await answer(name, { path: `/vms/shop/${word}` });
    await answer("removeVm", { path: "/vms/shop" });
  });
});

test("real answers keep to the document of backups, drift and settings", async () => {
  await answer("makeBackup");
  expect((await answer("listBackups")).total).toBe(1);
  expect((await answer("showSettings")).settings.length).toBeGreaterThan(10);
  expect((await answer("listDrift")).items).toMatchObject([{ kind: "domain_without_record", name: "web" }]);
});

test("every route that answers with JSON has been held against the document", () => {
  const json = (Object.entries(routes) as [RouteName, Route][]).filter(([, route]) => route.response !== undefined);
  expect(json.map(([name]) => name).filter((name) => !answered.has(name))).toEqual([]);
});

/** Waits until the job has the status. */
async function ended(id: string, status: string): Promise<void> {
  await vi.waitFor(async () => {
    const { body } = await controller.call("GET", `/jobs/${id}`, { token });
    expect(body.status, body.message).toBe(status);
  }, 15_000);
}

function makeImage(name: string): void {
  const store = join(controller.folder, "store");
  for (const tree of ["common", "custom_scripts"]) mkdirSync(join(store, tree), { recursive: true });
  mkdirSync(join(store, name));
  writeFileSync(join(store, name, "image.conf"), "# one\nsize = 10\n");
  writeFileSync(join(store, name, "vm_conf.template"), "name = ''\nimage_name = 'Tiny'\nmemory = 256\ndisk = []\n");
  writeFileSync(join(store, name, "provision.sh"), "#!/bin/bash\ntrue\n", { mode: 0o755 });
  writeFileSync(join(store, name, "description.htm"), "<b>Tiny</b>");
}
