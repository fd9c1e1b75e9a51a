import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Provider from "oidc-provider";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../config/config.js";
import { TestController } from "../testing.js";

// A real provider on this machine: it signs in whoever the test says, and asks nobody for consent.
let controller: TestController;
let server: Server;
let issuer: string;
let folder: string;
let account: { sub: string; preferred_username?: string; groups?: string[] };

const login = "ada-at-work";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "convirt-oidc-"));
  writeFileSync(join(folder, "secret"), "a client secret of some length\n");
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  controller = await TestController.start({
    environment: {
      CONVIRT_OIDC_ISSUER: issuer,
      CONVIRT_OIDC_CLIENT_ID: "convirt",
      CONVIRT_OIDC_CLIENT_SECRET_FILE: join(folder, "secret"),
      CONVIRT_OIDC_PUBLIC_URL: "http://127.0.0.1:9",
      CONVIRT_OIDC_NAME: "Example",
    },
  });
  const provider = makeProvider();
  server.on("request", (request, response) => {
    const uid = /^\/interaction\/([^/?]+)/.exec(request.url ?? "")?.[1];
    if (uid === undefined) provider.callback()(request, response);
    else void provider.interactionFinished(request, response, { login: { accountId: account.sub } });
  });
});
afterAll(async () => {
  await controller.end();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

function makeProvider(): Provider {
  return new Provider(issuer, {
    clients: [
      {
        client_id: "convirt",
        client_secret: "a client secret of some length",
        redirect_uris: ["http://127.0.0.1:9/api/v1/session/oidc/callback"],
      },
    ],
    claims: { openid: ["sub"], profile: ["preferred_username", "groups"] },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => account }),
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    features: { devInteractions: { enabled: false } },
    loadExistingGrant: async (context) => {
      const { client, session } = context.oidc;
      const grant = new context.oidc.provider.Grant({
        clientId: client?.clientId ?? "",
        accountId: session?.accountId ?? "",
      });
      grant.addOIDCScope("openid profile");
      await grant.save();
      return grant;
    },
    cookies: { keys: ["of this test"] },
    ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 60, IdToken: 60, Interaction: 60, Session: 60 },
  });
}

interface Step {
  status: number;
  location: string;
  cookies: string[];
}

async function step(url: string, cookies: readonly string[]): Promise<Step> {
  const response = await fetch(url, { redirect: "manual", headers: { cookie: cookies.join("; ") } });
  const set = response.headers.getSetCookie();
  return { status: response.status, location: response.headers.get("location") ?? "", cookies: set };
}

const nameAndValue = (cookie: string) => cookie.split(";")[0] ?? "";

/** From our button to the provider and through it, to the address at which the browser would come back. */
async function through(): Promise<{ back: string; cookies: string[] }> {
  const began = await step(`${controller.url}/api/v1/session/oidc`, []);
  expect(began.status).toBe(302);
  expect(began.cookies[0]).toMatch(
    /^convirt_oidc=[\w-]{43}; Max-Age=600; Path=\/api\/v1\/session\/oidc; .*HttpOnly; SameSite=Lax$/,
  );
  const jar = new Map<string, string>();
  for (let at = began.location; ; ) {
    const next = await step(new URL(at, issuer).href, [...jar.values()]);
    for (const cookie of next.cookies) jar.set(cookie.split("=")[0] ?? "", nameAndValue(cookie));
    expect([302, 303]).toContain(next.status);
    if (next.location.startsWith("http://127.0.0.1:9/")) {
      const back = next.location.replace("http://127.0.0.1:9", controller.url);
      return { back, cookies: began.cookies.map(nameAndValue) };
    }
    at = next.location;
  }
}

async function signIn(): Promise<Step> {
  const { back, cookies } = await through();
  return await step(back, cookies);
}

const session = async ({ cookies }: Step) => {
  const cookie = cookies.map(nameAndValue).find((one) => /^convirt_session=./.test(one)) ?? "";
  return (await controller.call("GET", "/session", { headers: { cookie } })).body;
};

describe("signing in by OpenID Connect", () => {
  test("is offered when there is a provider", async () => {
    expect((await controller.call("GET", "/session/methods")).body).toEqual({ provider: "Example" });
  });

  test("makes a user who may nothing but what the groups may, and is the same user the next time, with the groups of then", async () => {
    account = { sub: login, preferred_username: "Ada", groups: ["ops"] };
    const admin = await controller.tokenFor("admin");
    const body = { subject: { kind: "group", name: "ops" }, role: "viewer" };
    await controller.call("POST", "/grants", { token: admin, body });
    const first = await signIn();
    expect(first).toMatchObject({ status: 302, location: "/" });
    expect(first.cookies.find((one) => one.startsWith("convirt_session"))).toMatch(/HttpOnly; SameSite=Strict$/);
    expect(await session(first)).toMatchObject({ username: "ada", role: "viewer", via: "session" });
    account = { sub: login, preferred_username: "another-name", groups: [] };
    expect(await session(await signIn())).toMatchObject({ username: "ada", role: null, grants: [] });
    const recorded = (await controller.call("GET", "/audit?action=finishOidc", { token: admin })).body.items;
    expect(recorded[0]).toMatchObject({ username: "ada", outcome: "done" });
    expect(JSON.parse(recorded[0].asked).query.code).toBe("(not kept)");
  });

  test("has no password", async () => {
    const answer = await controller.call("POST", "/session", { body: { username: "ada", password: "" } });
    expect(answer.status).toBe(400);
    expect((await controller.call("POST", "/session", { body: { username: "ada", password: "x" } })).status).toBe(401);
  });

  test("makes nobody another user by a name that they have here", async () => {
    account = { sub: "somebody-else", preferred_username: "admin" };
    expect((await signIn()).location).toBe("/?refused=oidc_failed");
    expect(
      (await controller.call("GET", "/users?username=admin", { token: await controller.tokenFor("admin") })).body.total,
    ).toBe(1);
  });

  test("takes an answer once, from the browser that asked, and with the state that it was asked with", async () => {
    account = { sub: login, preferred_username: "ada" };
    const { back, cookies } = await through();
    expect((await step(back, [])).location).toBe("/?refused=oidc_failed");
    expect((await step(back, [`convirt_oidc=${"a".repeat(43)}`])).location).toBe("/?refused=oidc_failed");
    expect((await step(back.replace(/state=[^&]+/, "state=other"), cookies)).location).toBe("/?refused=oidc_failed");
    // It is spent by then.
    expect((await step(back, cookies)).location).toBe("/?refused=oidc_failed");
  });

  test("is refused for a name that cannot be a user's here", async () => {
    account = { sub: login, preferred_username: "ada lovelace!" };
    expect((await signIn()).location).toBe("/?refused=oidc_failed");
  });
});

test("without a provider there is no such way, and the button is not offered", async () => {
  const plain = await TestController.start();
  expect((await plain.call("GET", "/session/methods")).body).toEqual({ provider: null });
  expect((await plain.call("GET", "/session/oidc")).body.code).toBe("not_found");
  expect((await plain.call("GET", "/session/oidc/callback?code=x")).body.code).toBe("not_found");
  await plain.end();
});

test("a provider that does not answer is said so, and is asked again the next time", async () => {
  const other = await TestController.start({
    environment: {
      CONVIRT_OIDC_ISSUER: "http://127.0.0.1:1",
      CONVIRT_OIDC_CLIENT_ID: "convirt",
      CONVIRT_OIDC_CLIENT_SECRET_FILE: join(folder, "secret"),
      CONVIRT_OIDC_PUBLIC_URL: "http://127.0.0.1:9",
    },
  });
  for (let n = 0; n < 2; n += 1)
    expect((await step(`${other.url}/api/v1/session/oidc`, [])).location).toBe("/?refused=oidc_failed");
  await other.end();
});

test.each([
  [{ CONVIRT_OIDC_ISSUER: "http://sso.example" }, "must be https"],
  [{ CONVIRT_OIDC_ISSUER: "https://sso.example" }, "client_id, client_secret_file and public_url are wanted"],
])("settings that could not be safe are refused: %j", (environment, why) => {
  const path = join(folder, "empty.toml");
  writeFileSync(path, "");
  expect(() => loadConfig({ CONVIRT_CONFIG: path, ...environment })).toThrow(why);
});
