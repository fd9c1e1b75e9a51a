import { DataSource } from "typeorm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TokenEntity } from "../auth/user.entity.js";
import { adminPassword, TestController } from "../testing.js";
import { IdempotencyService } from "./idempotency.service.js";
import { KeptAnswerEntity } from "./kept-answer.entity.js";

let controller: TestController;
let token: string;

beforeEach(async () => {
  controller = await TestController.start();
  token = await controller.tokenFor("admin");
});
afterEach(() => controller.end());

const key = (text: string) => ({ "idempotency-key": text });
const database = () => controller.get(DataSource).manager;
const user = (username: string) => ({ username, password: "a good password", role: "viewer" });

describe("the same request with the same key", () => {
  test("has one effect and one answer, also long after the first", async () => {
    const first = await controller.call("POST", "/users", { token, body: user("ada"), headers: key("k") });
    const second = await controller.call("POST", "/users", { token, body: user("ada"), headers: key("k") });
    expect(first.status).toBe(201);
    expect([second.status, second.body]).toEqual([201, first.body]);
    const third = await controller.call("POST", "/users", { token, body: user("ada"), headers: key("other") });
    expect(third.body.code).toBe("name_taken");
  });

  test("has one effect and one answer when twenty come at once", async () => {
    const before = await database().count(TokenEntity);
    const wish = () => controller.call("POST", "/tokens", { token, body: { name: "one" }, headers: key("twenty") });
    const answers = await Promise.all(Array.from({ length: 20 }, wish));
    expect(new Set(answers.map((answer) => answer.body.token)).size).toBe(1);
    expect((await database().count(TokenEntity)) - before).toBe(1);
  });

  test("has one effect although the first client went away before its answer", async () => {
    const gone = new AbortController();
    const first = fetch(`${controller.url}/api/v1/users`, {
      method: "POST",
      signal: gone.signal,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...key("gone") },
      body: JSON.stringify(user("ada")),
    }).catch(() => undefined);
    // As soon as the controller has begun, and before it has answered: a password takes a while to hash.
    while (!underWay()) await new Promise((resolve) => setImmediate(resolve));
    gone.abort();
    const second = await controller.call("POST", "/users", { token, body: user("ada"), headers: key("gone") });
    await first;
    expect([second.status, second.body.username]).toEqual([201, "ada"]);
  });

  test("keeps a token's secret out of the database", async () => {
    const made = await controller.call("POST", "/tokens", { token, body: { name: "one" }, headers: key("k") });
    expect(made.body.token).toBeDefined();
    expect(await database().count(KeptAnswerEntity)).toBe(0);
  });
});

function underWay(): boolean {
  return (controller.get(IdempotencyService) as unknown as { underWay: Map<string, unknown> }).underWay.size > 0;
}

describe("a key", () => {
  test("is refused for another request", async () => {
    await controller.call("POST", "/users", { token, body: user("ada"), headers: key("k") });
    const answer = await controller.call("POST", "/users", { token, body: user("bob"), headers: key("k") });
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 422, code: "idempotency_key_reused" });
  });

  test("belongs to who sends it, by whichever token or session", async () => {
    const cookie = await controller.signIn();
    const first = await controller.call("POST", "/users", { token, body: user("ada"), headers: key("k") });
    const same = await controller.call("POST", "/users", { body: user("ada"), headers: { ...key("k"), cookie } });
    expect(same.body).toEqual(first.body);
    await controller.call("POST", "/users", { token, body: { ...user("eve"), role: "admin" } });
    const eve = await controller.signIn("eve", "a good password");
    const other = await controller.call("POST", "/users", { body: user("ada"), headers: { ...key("k"), cookie: eve } });
    expect(other.body.code).toBe("name_taken");
  });

  test("brings nothing to a token that has been revoked since", async () => {
    const made = await controller.call("POST", "/tokens", { token, body: { name: "short" } });
    const short = made.body.token;
    await controller.call("POST", "/users", { token: short, body: user("ada"), headers: key("k") });
    await controller.call("DELETE", `/tokens/${made.body.id}`, { token });
    const answer = await controller.call("POST", "/users", { token: short, body: user("ada"), headers: key("k") });
    expect(answer.status).toBe(401);
  });

  test("of a refusal is free again", async () => {
    const bad = await controller.call("POST", "/users", { token, body: { username: "ada" }, headers: key("k") });
    expect(bad.status).toBe(400);
    const good = await controller.call("POST", "/users", { token, body: user("ada"), headers: key("k") });
    expect(good.status).toBe(201);
  });

  test("that is empty, too long or not visible is refused", async () => {
    for (const bad of ["a".repeat(201), "a b", ""]) {
      const answer = await controller.call("POST", "/users", { token, body: user("ada"), headers: key(bad) });
      expect(answer.body.code).toBe("bad_request");
    }
  });

  test("does not stand in the way of signing in: each time sets a cookie of its own", async () => {
    const body = { username: "admin", password: adminPassword };
    const first = await controller.call("POST", "/session", { body, headers: key("k") });
    const second = await controller.call("POST", "/session", { body, headers: key("k") });
    expect(second.headers.get("set-cookie")).not.toBeNull();
    expect(second.headers.get("set-cookie")).not.toBe(first.headers.get("set-cookie"));
  });

  test("is forgotten after a day", async () => {
    await controller.call("POST", "/users", { token, body: user("ada"), headers: key("k") });
    const long = new Date(Date.now() - 25 * 3_600_000).toISOString();
    await database().createQueryBuilder().update(KeptAnswerEntity).set({ createdAt: long }).execute();
    const late = await controller.call("POST", "/users", { token, body: user("ada"), headers: key("k") });
    expect(late.body.code).toBe("name_taken");
    await controller.get(IdempotencyService).sweep();
    expect(await database().count(KeptAnswerEntity)).toBe(0);
  });
});
