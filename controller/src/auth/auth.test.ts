import { randomUUID } from "node:crypto";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GrantEntity } from "../access/grant.entity.js";
import { adminPassword, TestController } from "../testing.js";
import { SessionEntity, TokenEntity } from "./user.entity.js";

let controller: TestController;
const password = "a good password";

beforeEach(async () => {
  controller = await TestController.start();
});
afterEach(() => controller.end());

const database = () => controller.get(DataSource).manager;
const past = "2020-01-01T00:00:00.000Z";

describe("signing in", () => {
  test("sets a cookie that scripts and other sites cannot use, and that says who one is", async () => {
    const answer = await controller.call("POST", "/session", { body: { username: "admin", password: adminPassword } });
    expect(answer.status).toBe(200);
    const cookie = answer.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^convirt_session=[\w-]{43}; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/);
    const session = await controller.call("GET", "/session", { headers: { cookie: cookie.split(";")[0] ?? "" } });
    expect(session.body).toMatchObject({ username: "admin", role: "admin", via: "session" });
    expect(JSON.stringify(await database().find(SessionEntity))).not.toContain(cookie.slice(16, 40));
  });

  test("answers alike to a wrong password and to a name that nobody has", async () => {
    const wrong = await controller.call("POST", "/session", { body: { username: "admin", password: "wrong" } });
    const nobody = await controller.call("POST", "/session", { body: { username: "nobody", password: "wrong" } });
    expect(wrong.status).toBe(401);
    expect(wrong.body.code).toBe("wrong_credentials");
    expect(nobody.body).toEqual(wrong.body);
    expect(nobody.headers.get("set-cookie")).toBeNull();
  });

  test("is refused after ten wrong passwords for one name, and says for how long", async () => {
    const attempt = () => controller.call("POST", "/session", { body: { username: "admin", password: "wrong" } });
    for (let n = 0; n < 10; n += 1) expect((await attempt()).status).toBe(401);
    const answer = await attempt();
    expect(answer.status).toBe(429);
    expect(answer.body.code).toBe("too_many_attempts");
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    // Not even the right one is looked at then.
    const right = await controller.call("POST", "/session", { body: { username: "admin", password: adminPassword } });
    expect(right.status).toBe(429);
  });

  test("is refused after thirty attempts from one address, whatever the names", async () => {
    const attempt = (n: number) =>
      controller.call("POST", "/session", { body: { username: `nobody-${n}`, password: "x" } });
    for (let n = 0; n < 30; n += 1) expect((await attempt(n)).status).toBe(401);
    expect((await attempt(30)).body.code).toBe("too_many_attempts");
  });

  test("is ended by signing out, on the controller and not in the browser alone", async () => {
    const cookie = await controller.signIn();
    const out = await controller.call("DELETE", "/session", { headers: { cookie } });
    expect(out.body).toEqual({ ok: true });
    expect((await controller.call("GET", "/session", { headers: { cookie } })).status).toBe(401);
  });

  test("ends by itself when its hours are over", async () => {
    const cookie = await controller.signIn();
    await database().createQueryBuilder().update(SessionEntity).set({ expiresAt: past }).execute();
    expect((await controller.call("GET", "/session", { headers: { cookie } })).body.code).toBe("not_signed_in");
  });
});

describe("a session's cookie", () => {
  test("does nothing for another site's page, and everything for the controller's own", async () => {
    const cookie = await controller.signIn();
    const body = { name: "t" };
    const own = new URL(controller.url).origin;
    for (const origin of ["https://evil.example", "null", `${own}.evil.example`]) {
      const answer = await controller.call("POST", "/tokens", { body, headers: { cookie, origin } });
      expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 403, code: "foreign_origin" });
    }
    expect(await database().count(TokenEntity)).toBe(0);
    expect((await controller.call("POST", "/tokens", { body, headers: { cookie, origin: own } })).status).toBe(201);
    expect((await controller.call("POST", "/tokens", { body, headers: { cookie } })).status).toBe(201);
  });
});

describe("an API token", () => {
  test("is shown once, stored as a hash, and signs requests until it is revoked", async () => {
    const cookie = await controller.signIn();
    const made = await controller.call("POST", "/tokens", { body: { name: "ci" }, headers: { cookie } });
    const { token, id } = made.body;
    expect(token).toMatch(/^convirt_[\w-]{43}$/);
    expect(JSON.stringify(await database().find(TokenEntity))).not.toContain(token.slice(8));
    expect((await controller.call("GET", "/session", { token })).body).toMatchObject({ via: "token", role: "admin" });
    const listed = await controller.call("GET", "/tokens", { token });
    expect(listed.body.items).toEqual([expect.objectContaining({ id, name: "ci", username: "admin" })]);
    expect(listed.body.items[0].lastUsedAt).not.toBeNull();
    expect(listed.body.items[0]).not.toHaveProperty("token");
    await controller.call("DELETE", `/tokens/${id}`, { headers: { cookie } });
    expect((await controller.call("GET", "/session", { token })).body.code).toBe("not_signed_in");
  });

  test("that has expired is refused by that name", async () => {
    const token = await controller.tokenFor("viewer");
    await database().createQueryBuilder().update(TokenEntity).set({ expiresAt: past }).execute();
    const answer = await controller.call("GET", "/hosts", { token });
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 401, code: "token_expired" });
  });

  test("that nobody made is no sign-in", async () => {
    const answer = await controller.call("GET", "/hosts", { token: `convirt_${"a".repeat(43)}` });
    expect(answer.body.code).toBe("not_signed_in");
  });

  test("cannot be of a higher role than who makes it", async () => {
    const token = await controller.tokenFor("operator");
    const answer = await controller.call("POST", "/tokens", { token, body: { name: "up", role: "admin" } });
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 403, code: "forbidden" });
    const down = await controller.call("POST", "/tokens", { token, body: { name: "down", role: "viewer" } });
    expect(down.body.role).toBe("viewer");
  });

  test("loses what its owner loses, and ends with its owner", async () => {
    const admin = await controller.tokenFor("admin");
    const token = await controller.tokenFor("operator");
    await controller.call("PATCH", "/users/a-operator", { token: admin, body: { role: "viewer" } });
    expect((await controller.call("GET", "/session", { token })).body.role).toBe("viewer");
    await controller.call("DELETE", "/users/a-operator", { token: admin });
    expect((await controller.call("GET", "/session", { token })).status).toBe(401);
  });

  test("of somebody else is seen and revoked by an admin alone", async () => {
    const admin = await controller.tokenFor("admin");
    const viewer = await controller.tokenFor("viewer");
    const all = (await controller.call("GET", "/tokens", { token: admin })).body.items;
    expect(all).toHaveLength(2);
    const own = (await controller.call("GET", "/tokens", { token: viewer })).body.items;
    expect(own).toEqual([expect.objectContaining({ username: "a-viewer" })]);
    const foreign = all.find((one: { username: string }) => one.username === "admin").id;
    expect((await controller.call("DELETE", `/tokens/${foreign}`, { token: viewer })).body.code).toBe("not_found");
    expect((await controller.call("DELETE", `/tokens/${own[0].id}`, { token: admin })).body).toEqual({ ok: true });
    expect((await controller.call("DELETE", `/tokens/${randomUUID()}`, { token: admin })).status).toBe(404);
  });
});

describe("users", () => {
  test("are made, changed and removed by an admin; a new password ends what was signed in by the old", async () => {
    const token = await controller.tokenFor("admin");
    const made = await controller.call("POST", "/users", {
      token,
      body: { username: "ada", password, role: "viewer" },
    });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ username: "ada", role: "viewer", lastSignInAt: null });
    expect(JSON.stringify(made.body)).not.toMatch(/argon2|hash/i);
    const cookie = await controller.signIn("ada", password);
    await controller.call("PATCH", "/users/ada", { token, body: { password: "another password" } });
    expect((await controller.call("GET", "/session", { headers: { cookie } })).status).toBe(401);
    await controller.signIn("ada", "another password");
    await controller.call("DELETE", "/users/ada", { token });
    await expect(controller.signIn("ada", "another password")).rejects.toThrow("401");
    expect((await controller.call("DELETE", "/users/ada", { token })).body.code).toBe("not_found");
  });

  test("have one name each", async () => {
    const token = await controller.tokenFor("admin");
    const body = { username: "admin", password, role: "viewer" };
    expect((await controller.call("POST", "/users", { token, body })).body.code).toBe("name_taken");
  });

  test("keep an admin: the last is neither removed nor demoted", async () => {
    const token = await controller.tokenFor("admin");
    for (const [method, body] of [
      ["DELETE", undefined],
      ["PATCH", { role: "operator" }],
    ] as const) {
      const answer = await controller.call(method, "/users/admin", { token, ...(body ? { body } : {}) });
      expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 403, code: "forbidden" });
    }
    await controller.call("POST", "/users", { token, body: { username: "second", password, role: "admin" } });
    expect((await controller.call("DELETE", "/users/admin", { token })).status).toBe(200);
    expect(await database().countBy(GrantEntity, { role: "admin" })).toBe(1);
  });

  test("are listed in pages, sorted and filtered", async () => {
    const token = await controller.tokenFor("admin");
    for (const username of ["carl", "ada", "bob"])
      await controller.call("POST", "/users", { token, body: { username, password, role: "viewer" } });
    const page = await controller.call("GET", "/users?role=viewer&sort=-username&perPage=2", { token });
    expect(page.body).toMatchObject({ total: 3, page: 1, perPage: 2 });
    expect(page.body.items.map((one: { username: string }) => one.username)).toEqual(["carl", "bob"]);
    expect((await controller.call("GET", "/users?sort=passwordHash", { token })).body.code).toBe("bad_request");
  });
});
