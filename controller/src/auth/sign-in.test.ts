import { request } from "node:http";
import { Secret, TOTP } from "otpauth";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { adminPassword, TestController } from "../testing.js";
import { UserEntity } from "./user.entity.js";

let controller: TestController;
const other = "another good password";

beforeEach(async () => {
  controller = await TestController.start();
});
afterEach(() => controller.end());

/** Signs in from another address of this machine. */
function signInFrom(localAddress: string, password: string, username = "admin"): Promise<number> {
  return new Promise((resolve, reject) => {
    const url = `${controller.url}/api/v1/session`;
    const headers = { "content-type": "application/json" };
    const call = request(url, { method: "POST", localAddress, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    call.once("error", reject);
    call.end(JSON.stringify({ username, password }));
  });
}

const user = () => controller.get(DataSource).manager.findOneByOrFail(UserEntity, { username: "admin" });

describe("wrong passwords", () => {
  test("shut out the address that they come from, and nobody elsewhere", async () => {
    for (let n = 0; n < 10; n += 1) expect(await signInFrom("127.0.0.66", "wrong")).toBe(401);
    expect(await signInFrom("127.0.0.66", adminPassword)).toBe(429);
    expect(await signInFrom("127.0.0.1", adminPassword)).toBe(200);
  });

  test("from many addresses together are bounded, and do not shut out who signs in from where they have before", async () => {
    expect(await signInFrom("127.0.0.1", adminPassword)).toBe(200);
    let refused = 0;
    for (let address = 10; address < 21; address += 1)
      for (let n = 0; n < 10; n += 1) if ((await signInFrom(`127.0.0.${address}`, "wrong")) === 429) refused += 1;
    // Of a hundred an hour, the sign-in from a new place was one.
    expect(refused).toBe(11);
    expect(await signInFrom("127.0.0.99", adminPassword)).toBe(429);
    expect(await signInFrom("127.0.0.1", adminPassword)).toBe(200);
  }, 60_000);
});

describe("a second factor", () => {
  let cookie: string;
  let codes: TOTP;
  let paper: string[];

  /** A code of the half minute that is `steps` from now. */
  const code = (steps = 0) => codes.generate({ timestamp: Date.now() + steps * 30_000 });
  const signIn = async (body: object = {}) => {
    const answer = await controller.call("POST", "/session", {
      body: { username: "admin", password: adminPassword, ...body },
    });
    return answer.body.code ?? answer.status;
  };

  beforeEach(async () => {
    cookie = await controller.signIn();
    const begun = await controller.call("POST", "/session/second-factor", { headers: { cookie } });
    expect(begun.body.uri).toMatch(/^otpauth:\/\/totp\/ConVirt:admin\?issuer=ConVirt&secret=[A-Z2-7]{32}/);
    codes = new TOTP({ secret: Secret.fromBase32(begun.body.secret) });
    expect(await signIn()).toBe(200);
    const wrong = await controller.call("PUT", "/session/second-factor", {
      headers: { cookie },
      body: { code: "000000" },
    });
    expect(wrong.body.code).toBe("wrong_credentials");
    const confirmed = await controller.call("PUT", "/session/second-factor", {
      headers: { cookie },
      body: { code: code(-1) },
    });
    paper = confirmed.body.recoveryCodes;
  });

  test("is asked for when name and password are right, and each code is good once", async () => {
    expect(await signIn()).toBe("second_factor_needed");
    expect(await signIn({ password: "wrong" })).toBe("wrong_credentials");
    expect(await signIn({ code: "123456" })).toBe("wrong_credentials");
    const now = code();
    expect(await Promise.all([signIn({ code: now }), signIn({ code: now })])).toEqual(
      expect.arrayContaining([200, "wrong_credentials"]),
    );
    expect(await signIn({ code: code(-1) })).toBe("wrong_credentials");
    expect((await controller.call("GET", "/session", { headers: { cookie } })).body.secondFactor).toBe(true);
  });

  test("can be one of the codes on paper, once", async () => {
    expect(paper).toHaveLength(8);
    expect(await signIn({ code: paper[0] })).toBe(200);
    expect(await signIn({ code: paper[0] })).toBe("wrong_credentials");
    expect(await signIn({ code: paper[1]?.toUpperCase() })).toBe(200);
  });

  test("stands in the database in no form that the database alone could make codes of", async () => {
    const row = JSON.stringify(await user());
    expect(row).not.toContain(codes.secret.base32);
    expect(row).not.toContain(codes.secret.hex);
    for (const one of paper) expect(row).not.toContain(one);
  });

  test("is removed by one's password, or by an admin for who has lost it, and not by an API token", async () => {
    const token = await controller.tokenFor("admin");
    const remove = (headers: Record<string, string>, password = adminPassword) =>
      controller.call("POST", "/session/second-factor/removal", { headers, body: { password } });
    expect((await remove({ authorization: `Bearer ${token}` })).body.code).toBe("in_person_only");
    expect((await remove({ cookie }, "wrong")).body.code).toBe("wrong_credentials");
    expect((await controller.call("POST", "/session/second-factor", { headers: { cookie } })).body.code).toBe(
      "name_taken",
    );
    expect((await remove({ cookie })).body).toEqual({ ok: true });
    expect(await signIn()).toBe(200);
    const answer = await controller.call("PATCH", "/users/admin", { token, body: { secondFactor: false } });
    expect(answer.body.secondFactor).toBe(false);
  });
});

describe("one's own password", () => {
  test("is changed by who knows the old one; other sessions end, API tokens stay and are counted", async () => {
    const token = await controller.tokenFor("admin");
    const mine = await controller.signIn();
    const stolen = await controller.signIn();
    const change = (cookie: string, password: string) =>
      controller.call("PUT", "/session/password", { headers: { cookie }, body: { password, newPassword: other } });
    expect((await change(stolen, "a guess")).body.code).toBe("wrong_credentials");
    expect((await change(mine, adminPassword)).body).toEqual({ ok: true, tokens: 1 });
    expect((await controller.call("GET", "/session", { headers: { cookie: mine } })).status).toBe(200);
    expect((await controller.call("GET", "/session", { headers: { cookie: stolen } })).status).toBe(401);
    expect((await controller.call("GET", "/session", { token })).status).toBe(200);
    await controller.signIn("admin", other);
    const byToken = { authorization: `Bearer ${token}` };
    const body = { password: other, newPassword: adminPassword };
    expect((await controller.call("PUT", "/session/password", { headers: byToken, body })).body.code).toBe(
      "in_person_only",
    );
  });

  test("is not guessed by who has a session: ten wrong ones are refused for a while", async () => {
    const cookie = await controller.signIn();
    const body = { password: "a guess", newPassword: other };
    for (let n = 0; n < 10; n += 1)
      expect((await controller.call("PUT", "/session/password", { headers: { cookie }, body })).status).toBe(401);
    expect((await controller.call("PUT", "/session/password", { headers: { cookie }, body })).status).toBe(429);
  });
});

describe("sessions", () => {
  test("are listed with where they are from, and ended at once by their owner or an admin", async () => {
    const token = await controller.tokenFor("admin");
    await controller.tokenFor("viewer");
    const cookie = await controller.signIn("a-viewer");
    const list = async (headers: Record<string, string>) =>
      (await controller.call("GET", "/sessions", { headers })).body.items as { id: string; isThis: boolean }[];
    const own = await list({ cookie });
    expect(own).toEqual([
      expect.objectContaining({ username: "a-viewer", isThis: true, address: expect.stringMatching(/127\.0\.0\.1$/) }),
    ]);
    const second = await controller.signIn("a-viewer");
    const foreign = await controller.signIn();
    const all = await list({ authorization: `Bearer ${token}` });
    expect(all).toHaveLength(3);
    const admins = (await list({ cookie: foreign })).find(({ isThis }) => isThis)?.id;
    expect((await controller.call("DELETE", `/sessions/${admins}`, { headers: { cookie } })).body.code).toBe(
      "not_found",
    );
    const others = (await list({ cookie })).find(({ isThis }) => !isThis)?.id;
    expect((await controller.call("DELETE", `/sessions/${others}`, { headers: { cookie } })).body).toEqual({
      ok: true,
    });
    expect((await controller.call("GET", "/session", { headers: { cookie: second } })).status).toBe(401);
    const byAdmin = await controller.call("DELETE", `/sessions/${own[0]?.id}`, { token });
    expect(byAdmin.body).toEqual({ ok: true });
    expect((await controller.call("GET", "/session", { headers: { cookie } })).status).toBe(401);
  });
});
