import { createHash } from "node:crypto";
import { type AuditView, auditText, auditView } from "@convirt/contract/audit";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { TestController } from "../testing.js";
import { enrolHost, jobIs, makeImage } from "../testing-jobs.js";
import { AuditEntity } from "./audit.entity.js";
import { AuditService } from "./audit.service.js";
import { redact, without } from "./redact.js";

let controller: TestController;
let token: string;
const password = "a very good password";

beforeEach(async () => {
  controller = await TestController.start();
  token = await controller.tokenFor("admin");
});
afterEach(() => controller.end());

const list = async (query = ""): Promise<AuditView[]> =>
  (await controller.call("GET", `/audit?sort=number&${query}`, { token })).body.items;
const last = async () => (await list()).at(-1);

describe("the audit", () => {
  test("says who asked, with which token, from where, why, for what, and what came of it", async () => {
    const reason = encodeURIComponent("räumen wir auf");
    const headers = { "convirt-reason": reason };
    await controller.call("POST", "/hosts/invitations", { token, body: { host: "xen1" }, headers });
    expect(await last()).toMatchObject({
      ...{ number: 1, username: "admin", via: "token", token: "test", action: "inviteHost", objects: ["host xen1"] },
      ...{ reason: "räumen wir auf", outcome: "done", code: null, commands: [] },
      address: expect.stringMatching(/127\.0\.0\.1$/),
    });
    expect(JSON.parse((await last())?.asked ?? "")).toEqual({ body: { host: "xen1" } });
    await controller.call("DELETE", "/hosts/nobody", { token });
    expect(await last()).toMatchObject({
      ...{ number: 2, action: "removeHost", objects: ["host nobody"], outcome: "refused", code: "not_found" },
      message: expect.stringContaining("There is no host"),
    });
  });

  test("records who was refused for want of a role, and who gave a wrong password; not what nobody asked, nor what only reads", async () => {
    const viewer = await controller.tokenFor("viewer");
    await controller.call("POST", "/hosts/invitations", { token: viewer, body: { host: "xen1" } });
    expect(await last()).toMatchObject({ username: "a-viewer", action: "inviteHost", code: "forbidden" });
    await controller.call("POST", "/session", { body: { username: "admin", password: "wrong" } });
    expect(await last()).toMatchObject({
      username: "admin",
      via: "password",
      action: "signIn",
      code: "wrong_credentials",
    });
    await controller.call("POST", "/hosts/invitations", { body: { host: "xen1" } });
    await controller.call("GET", "/hosts", { token });
    expect(await list()).toHaveLength(2);
  });

  test("holds no password, no token and no invitation, wherever they stand", async () => {
    await controller.call("POST", "/users", { token, body: { username: "ada", password, role: "viewer" } });
    await controller.call("PATCH", "/users/ada", { token, body: { password: `${password} 2` } });
    await controller.call("POST", "/session", { body: { username: "ada", password } });
    const made = await controller.call("POST", "/tokens", { token, body: { name: "ci" } });
    const invited = await controller.call("POST", "/hosts/invitations", { token, body: { host: "xen1" } });
    const rows = JSON.stringify(await controller.get(DataSource).manager.find(AuditEntity));
    expect(rows).toContain("(not kept)");
    for (const secret of [password, made.body.token, made.body.token.slice(8), invited.body.invitation])
      expect(rows).not.toContain(secret);
  });

  test("names the command lines that ran on the host, of acts and of jobs, and the end of each job", async () => {
    await makeImage(controller, token);
    const agent = await enrolHost(controller, token, "xen1");
    const body = { image: "Tiny", host: "xen1", vm: "shop", reason: "for the fair" };
    const { id } = (await controller.call("POST", "/jobs", { token, body })).body;
    await jobIs(controller, token, id, ({ status }) => status === "succeeded");
    await controller.call("POST", "/vms/shop/start", { token });
    const [asked, ended, started] = (await list()).filter(({ objects }) => objects.includes("vm shop"));
    expect(asked).toMatchObject({ action: "provision", reason: "for the fair", commands: [] });
    expect(asked?.objects).toEqual(["host xen1", "image Tiny", "vm shop", `job ${id}`]);
    expect(ended).toMatchObject({ action: "jobEnded", via: "controller", username: "admin", outcome: "done" });
    expect(ended?.commands).toEqual(["provision.sh -x xl"]);
    expect(started).toMatchObject({ action: "startVm", outcome: "done", commands: ["xl create /c/x"] });
    expect((await list("action=enrol"))[0]).toMatchObject({
      username: null,
      via: "invitation",
      objects: ["host xen1"],
    });
    agent.kill();
  });

  test("is found by person, act, outcome, object, time and words, in pages", async () => {
    for (const host of ["xen1", "xen2", "x%n"])
      await controller.call("POST", "/hosts/invitations", { token, body: { host } });
    const numbers = async (query: string) => (await list(query)).map(({ number }) => number);
    expect(await numbers("object=host%20xen1")).toEqual([1]);
    expect(await numbers("outcome=refused")).toEqual([3]);
    expect(await numbers("text=%25")).toEqual([3]);
    expect(await numbers("user=nobody")).toEqual([]);
    expect(await numbers("action=inviteHost&perPage=1&page=2")).toEqual([2]);
    expect(await numbers("since=2999-01-01T00:00:00Z")).toEqual([]);
    expect(await numbers("until=2999-01-01T00:00:00Z")).toHaveLength(3);
    expect((await controller.call("GET", "/audit?sort=hash", { token })).body.code).toBe("bad_request");
    expect((await controller.call("GET", "/audit/2", { token })).body).toMatchObject({
      number: 2,
      objects: ["host xen2"],
    });
    expect((await controller.call("GET", "/audit/99", { token })).body.code).toBe("not_found");
  });

  test("can be checked by anyone who has its export: each record's hash is that of its text and holds the one before", async () => {
    for (const host of ["xen1", "xen2"]) await controller.call("POST", "/hosts/invitations", { token, body: { host } });
    const answer = await controller.call("GET", "/audit/export", { token });
    const records = (answer.body as string)
      .trim()
      .split("\n")
      .map((line) => auditView.parse(JSON.parse(line)));
    expect(records).toHaveLength(2);
    for (const [index, { hash, ...record }] of records.entries()) {
      expect(createHash("sha256").update(auditText(record)).digest("hex")).toBe(hash);
      expect(record.previousHash).toBe(records[index - 1]?.hash ?? "0".repeat(64));
    }
    // The export itself is recorded, when it is over.
    await expect.poll(async () => (await last())?.action).toBe("exportAudit");
    const verified = (await controller.call("GET", "/audit/verify", { token })).body;
    expect(verified).toMatchObject({ ok: true, records: 3, broken: null });
    expect(verified.head).toEqual({ number: 3, hash: (await last())?.hash });
  });

  test.each([
    ["is another", "UPDATE audit SET username = 'eve' WHERE number = 2", 2, "it is not as it was written"],
    ["was taken out", "DELETE FROM audit WHERE number = 2", 2, "it is not there"],
    ["was taken from the beginning", "DELETE FROM audit WHERE number = 1", 1, "it is not there"],
  ])("that is not as it was written, since a record %s, says which", async (_how, sql, number, why) => {
    for (const host of ["xen1", "xen2", "xen3"])
      await controller.call("POST", "/hosts/invitations", { token, body: { host } });
    await controller.get(DataSource).query(sql);
    const verified = (await controller.call("GET", "/audit/verify", { token })).body;
    expect(verified).toMatchObject({ ok: false, broken: { number, why } });
  });

  test("that cannot be written takes nothing back that was done, and says so in the log with the whole record", async () => {
    const logged = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    vi.spyOn(controller.get(AuditService), "add").mockRejectedValue(new Error("no space"));
    const answer = await controller.call("POST", "/hosts/invitations", { token, body: { host: "xen1" } });
    vi.restoreAllMocks();
    expect(answer.status).toBe(201);
    expect(logged.mock.calls.length).toBeLessThan(2);
    expect((await controller.call("GET", "/hosts/xen1", { token })).status).toBe(200);
  });

  test("takes a reason of 500 characters, and refuses what is none", async () => {
    const invite = (reason: string) =>
      controller.call("POST", "/hosts/invitations", {
        token,
        body: { host: "x1" },
        headers: { "convirt-reason": reason },
      });
    expect((await invite("a".repeat(500))).status).toBe(201);
    for (const reason of ["a".repeat(501), "%E0%A4%A"]) expect((await invite(reason)).body.code).toBe("bad_request");
  });
});

describe("what is kept of a request", () => {
  test("is all but what goes by the name of a secret, at any depth, and long texts by their hash", () => {
    const { text, secrets } = redact({
      body: { vmConf: { root_password: "hunter22", vcpus: 2, keys: [{ api_key: "k-123" }] }, text: "x".repeat(600) },
    });
    expect(JSON.parse(text).body).toMatchObject({
      vmConf: { root_password: "(not kept)", vcpus: 2, keys: [{ api_key: "(not kept)" }] },
      text: { bytes: 600, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(secrets).toEqual(["hunter22", "k-123"]);
    expect(without('"root_password" may not be hunter22', secrets)).toBe('"root_password" may not be (not kept)');
  });

  test("is bounded, however large or deep the request was", () => {
    const deep = Array.from({ length: 1000 }).reduce<unknown>((inner) => [inner], "x");
    expect(redact(deep).text.length).toBeLessThan(100);
    const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`option${index}`, "value"]));
    expect(redact(wide).text.length).toBeLessThan(200);
  });
});
