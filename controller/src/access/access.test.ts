import { DataSource } from "typeorm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { migrations } from "../database/migrations.js";
import { TestController } from "../testing.js";

describe("grants", () => {
  let controller: TestController;
  let admin: string;
  const password = "a good password";

  beforeEach(async () => {
    controller = await TestController.start();
    admin = await controller.tokenFor("admin");
  });
  afterEach(() => controller.end());

  async function user(username: string, more: object = {}): Promise<string> {
    await controller.call("POST", "/users", { token: admin, body: { username, password, ...more } });
    return await controller.signIn(username, password);
  }
  const grant = (kind: string, name: string, role: string, scope: string) =>
    controller.call("POST", "/grants", { token: admin, body: { subject: { kind, name }, role, scope } });
  const invite = (host: string) => controller.call("POST", "/hosts/invitations", { token: admin, body: { host } });
  const hosts = async (cookie: string) => {
    const { body } = await controller.call("GET", "/hosts", { headers: { cookie } });
    return body.code ?? body.items.map((one: { name: string }) => one.name);
  };

  test("are nothing at first: who was given none may nothing, and is told so", async () => {
    const cookie = await user("ada");
    const { status, body } = await controller.call("GET", "/hosts", { headers: { cookie } });
    expect({ status, code: body.code }).toEqual({ status: 403, code: "forbidden" });
    expect(body.message).toContain("an admin must give a role first");
    expect((await controller.call("GET", "/session", { headers: { cookie } })).body).toMatchObject({
      role: null,
      grants: [],
    });
  });

  test("for one host show that host alone; a name may end in a star", async () => {
    for (const host of ["shop1", "shop2", "bank"]) await invite(host);
    const cookie = await user("ada");
    await grant("user", "ada", "viewer", "host:bank");
    expect(await hosts(cookie)).toEqual(["bank"]);
    await grant("user", "ada", "viewer", "host:shop*");
    expect(await hosts(cookie)).toEqual(["bank", "shop1", "shop2"]);
  });

  test("to a group are its members', and for a tag are for what bears it, from that moment on", async () => {
    for (const host of ["shop1", "bank"]) await invite(host);
    const cookie = await user("ada", { groups: ["ops"] });
    await grant("group", "ops", "operator", "tag:live");
    expect(await hosts(cookie)).toBe("forbidden");
    await controller.call("PUT", "/hosts/shop1/tags", { token: admin, body: { tags: ["live", "live"] } });
    expect(await hosts(cookie)).toEqual(["shop1"]);
    const session = await controller.call("GET", "/session", { headers: { cookie } });
    expect(session.body.grants).toEqual([{ role: "operator", scope: "host:shop1" }]);
    await controller.call("PATCH", "/users/ada", { token: admin, body: { groups: [] } });
    expect(await hosts(cookie)).toBe("forbidden");
  });

  test("can be taken again, are given once however often, and go with their user", async () => {
    const cookie = await user("ada");
    const given = await grant("user", "ada", "viewer", "everything");
    expect(given.status).toBe(201);
    expect((await grant("user", "ada", "viewer", "everything")).body).toEqual(given.body);
    expect(await hosts(cookie)).toEqual([]);
    const list = async () => (await controller.call("GET", "/grants?user=ada", { token: admin })).body.items;
    expect(await list()).toEqual([given.body]);
    expect((await controller.call("DELETE", `/grants/${given.body.id}`, { token: admin })).body).toEqual({ ok: true });
    expect(await hosts(cookie)).toBe("forbidden");
    await grant("user", "ada", "viewer", "host:x");
    await controller.call("DELETE", "/users/ada", { token: admin });
    expect(await list()).toEqual([]);
    expect((await grant("user", "ada", "viewer", "everything")).body.code).toBe("not_found");
  });

  test.each(["all", "host:", "host:a*b", "vm:x", "everything:x", "host:../x", "tag:*"])(
    "are for no such thing as %j",
    async (scope) => {
      expect((await grant("group", "ops", "viewer", scope)).body.code).toBe("invalid_body");
    },
  );

  test("keep an admin: the last one's grant is not taken", async () => {
    const [{ id }] = (await controller.call("GET", "/grants?user=admin", { token: admin })).body.items;
    const answer = await controller.call("DELETE", `/grants/${id}`, { token: admin });
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 403, code: "forbidden" });
  });

  test("limit what is told live: a host that one may not see is not named", async () => {
    const cookie = await user("ada");
    await grant("user", "ada", "viewer", "host:mine");
    const stop = new AbortController();
    const response = await fetch(`${controller.url}/api/v1/events`, { headers: { cookie }, signal: stop.signal });
    for (const host of ["theirs", "mine"]) await invite(host);
    let text = "";
    for await (const bytes of response.body ?? []) {
      text += new TextDecoder().decode(bytes);
      if (text.includes("mine")) break;
    }
    stop.abort();
    expect(text).not.toContain("theirs");
  });

  test("of both sides are needed to provision: for the host and for the image; overwriting disks takes a VM administrator", async () => {
    const token = await controller.tokenFor("provisioner", "host:xen1");
    const body = { image: "Tiny", host: "xen1", vm: "web" };
    const refused = await controller.call("POST", "/jobs", { token, body });
    expect(refused.body).toEqual({ code: "not_found", message: 'There is no image "Tiny"' });
    await grant("user", "a-provisioner-host-xen1", "viewer", "image:Tiny");
    expect((await controller.call("POST", "/jobs", { token, body })).body.message).toContain(
      "needs the role provisioner for image Tiny, yours is viewer",
    );
    const everything = await controller.tokenFor("provisioner");
    const replace = await controller.call("POST", "/jobs", {
      token: everything,
      body: { ...body, replaceDisks: true },
    });
    expect(replace.body.message).toContain("needs the role vm_admin for host xen1, yours is provisioner");
  });

  test("of a token are its owner's within its own role and scopes", async () => {
    for (const host of ["shop1", "bank"]) await invite(host);
    const cookie = await user("ada", { role: "operator" });
    const make = (body: object, headers = { cookie } as Record<string, string>) =>
      controller.call("POST", "/tokens", { headers, body: { name: "t", ...body } });
    const made = await make({ role: "viewer", scopes: ["host:shop*", "image:Tiny"] });
    expect(made.body).toMatchObject({ role: "viewer", scopes: ["host:shop*", "image:Tiny"] });
    const { token } = made.body;
    expect((await controller.call("GET", "/session", { token })).body).toMatchObject({
      role: null,
      grants: [
        { role: "viewer", scope: "host:shop*" },
        { role: "viewer", scope: "image:Tiny" },
      ],
    });
    expect((await controller.call("GET", "/hosts", { token })).body.total).toBe(1);
    // A token makes no token that may more than itself.
    const bearer = { authorization: `Bearer ${token}` };
    expect((await make({ scopes: ["host:bank"] }, bearer)).body.code).toBe("forbidden");
    expect((await make({ role: "operator" }, bearer)).body.code).toBe("forbidden");
    const inner = await make({}, bearer);
    expect(inner.body).toMatchObject({ role: "viewer", scopes: ["host:shop*", "image:Tiny"] });
    await controller.call("PATCH", "/users/ada", { token: admin, body: { role: null } });
    expect((await controller.call("GET", "/hosts", { token })).body.code).toBe("forbidden");
  });
});

test("roles of before are granted for everything, tokens keep theirs, and what each could do they can", async () => {
  const at = migrations.findIndex(({ name }) => name.startsWith("Grants"));
  const before = new DataSource({ type: "better-sqlite3", database: ":memory:", migrations: migrations.slice(0, at) });
  await before.initialize();
  await before.runMigrations();
  for (const role of ["viewer", "operator", "admin"]) {
    await before.query("INSERT INTO users VALUES (?, ?, 'h', ?, 't', NULL)", [role, `the-${role}`, role]);
    await before.query("INSERT INTO tokens VALUES (?, ?, ?, 'n', ?, 't', 't', NULL)", [role, role, role, role]);
  }
  const grants = migrations[at];
  if (grants === undefined) throw new Error("the migration is gone");
  const runner = before.createQueryRunner();
  await new grants().up(runner);
  const held = await before.query("SELECT subject, role, scope FROM grants ORDER BY subject");
  expect(held).toEqual([
    { subject: "the-admin", role: "admin", scope: "everything" },
    { subject: "the-operator", role: "vm_admin", scope: "everything" },
    { subject: "the-viewer", role: "viewer", scope: "everything" },
  ]);
  expect(await before.query("SELECT role FROM tokens ORDER BY id")).toEqual([
    { role: "admin" },
    { role: "vm_admin" },
    { role: "viewer" },
  ]);
  expect(await before.query("SELECT username, password_hash FROM users")).toHaveLength(3);
  await new grants().down(runner);
  expect(await before.query("SELECT username, role FROM users ORDER BY username")).toEqual([
    { username: "the-admin", role: "admin" },
    { username: "the-operator", role: "operator" },
    { username: "the-viewer", role: "viewer" },
  ]);
  await runner.release();
  await before.destroy();
});
