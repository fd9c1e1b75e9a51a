// Enrolment against a real TLS server that stands for the controller and keeps what it was sent.
import { X509Certificate } from "node:crypto";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type KeyPair, TestAuthority, temporaryFolder } from "../testing.js";
import { enrol, type Invitation, parseInvitation } from "./enrol.js";
import { keyDigest, loadIdentity } from "./identity.js";

const folder = temporaryFolder();
let authority: TestAuthority;
let own: KeyPair;
let server: Server | undefined;
let received: Record<string, string>[] = [];

beforeAll(async () => {
  authority = await TestAuthority.create();
  own = await authority.issue("localhost");
});
afterEach(async () => {
  received = [];
  await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  server = undefined;
});
afterAll(() => folder.remove());

interface Answer {
  status: number;
  body: object;
}

/** What a controller that shows `shown` answers with; undefined is the right answer. */
async function controller(
  shown: { pair?: KeyPair; chain?: TestAuthority; tls12?: boolean } = {},
  answer?: Answer,
): Promise<string> {
  const { pair = own, chain = authority, tls12 = false } = shown;
  const options = { key: pair.key, cert: `${pair.certificate}\n${chain.certificate}` };
  const listening = createServer(
    { ...options, ...(tls12 ? { maxVersion: "TLSv1.2" as const } : {}) },
    (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>;
        received.push({ ...body, path: request.url ?? "" });
        const done = answer === undefined ? rightAnswer(body) : Promise.resolve(answer);
        void done.then(({ status, body: said }) => {
          response.writeHead(status, { "content-type": "application/json" });
          response.end(JSON.stringify(said));
        });
      });
    },
  );
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  return `https://127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

async function rightAnswer(body: Record<string, string>): Promise<Answer> {
  const certificate = await authority.sign(body["signingRequest"] ?? "", "host-1");
  return { status: 201, body: { hostId: "host-1", certificate, caCertificate: authority.certificate } };
}

function invitation(...controllers: string[]): Invitation {
  const ca = keyDigest(new X509Certificate(authority.certificate));
  return { v: 1, controllers, ca, host: "xen1", secret: "c2VjcmV0" };
}

const ask = (given: Invitation, state: string) =>
  enrol({ invitation: given, stateDir: join(folder.path, state), address: "xen1:8445", agentVersion: "1" });

test("enrol() sends what the controller needs, and keeps the identity", async () => {
  const url = await controller();
  expect(await ask(invitation(url), "good")).toEqual({ hostId: "host-1", controller: url });
  expect(received).toEqual([
    {
      path: "/api/v1/enrolment",
      host: "xen1",
      secret: "c2VjcmV0",
      address: "xen1:8445",
      agentVersion: "1",
      signingRequest: expect.stringContaining("CERTIFICATE REQUEST"),
    },
  ]);
  const first = loadIdentity(join(folder.path, "good"));
  expect(first).toMatchObject({ hostId: "host-1", host: "xen1", ca: authority.certificate });
  await ask(invitation(url), "good");
  expect(loadIdentity(join(folder.path, "good"))?.key).not.toBe(first?.key);
});

test("enrol() takes the next controller when one cannot be reached", async () => {
  const url = await controller();
  expect((await ask(invitation("https://127.0.0.1:1", url), "next")).controller).toBe(url);
});

test("enrol() sends nothing to a controller of another authority", async () => {
  const other = await TestAuthority.create();
  const url = await controller({ pair: await other.issue("localhost"), chain: other });
  await expect(ask(invitation(url), "wrong")).rejects.toThrow(/Cannot trust the controller.*Nothing was sent/);
  expect(received).toEqual([]);
});

test("enrol() sends nothing to one that shows the right authority behind a certificate of its own making", async () => {
  const other = await TestAuthority.create();
  const url = await controller({ pair: await other.issue("localhost") });
  await expect(ask(invitation(url), "forged")).rejects.toThrow("Cannot trust the controller");
  expect(received).toEqual([]);
});

test("enrol() sends nothing to another host that stands in the controller's place", async () => {
  const url = await controller({ pair: await authority.issue("urn:convirt:host:another") });
  await expect(ask(invitation(url), "host")).rejects.toThrow("its certificate is a host's, not the controller's");
  expect(received).toEqual([]);
});

test("enrol() speaks TLS 1.3 and nothing older", async () => {
  const url = await controller({ tls12: true });
  await expect(ask(invitation(url), "old")).rejects.toThrow("Cannot reach the controller");
  expect(received).toEqual([]);
});

test("enrol() says that nobody is there", async () => {
  await expect(ask(invitation("https://127.0.0.1:1"), "nobody")).rejects.toThrow(
    /Cannot reach the controller: https:\/\/127\.0\.0\.1:1 \(.*ECONNREFUSED.*Is it running/,
  );
});

test("enrol() says that what is there does not speak TLS", async () => {
  const plain = createTcpServer((socket) => socket.resume().end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  const url = `https://127.0.0.1:${(plain.address() as AddressInfo).port}`;
  await expect(ask(invitation(url), "plain")).rejects.toThrow("Cannot reach the controller");
  await new Promise((resolve) => plain.close(resolve));
});

test.each([
  [
    "an invitation that is used up",
    403,
    { code: "invitation_invalid", message: "it was used" },
    "it was used [invitation_invalid]",
  ],
  ["one that has expired", 403, { code: "invitation_expired", message: "it ended" }, "it ended [invitation_expired]"],
  ["something that is no controller", 200, { hello: "world" }, "answered 200, as no controller does"],
])("enrol() tells of %s", async (_what, status, body, why) => {
  const url = await controller({}, { status, body });
  await expect(ask(invitation(url), "refused")).rejects.toThrow(why);
  expect(loadIdentity(join(folder.path, "refused"))).toBeUndefined();
});

test("enrol() keeps no certificate that is not for its key", async () => {
  const { certificate } = await authority.issue("urn:convirt:host:host-1");
  const caCertificate = authority.certificate;
  const url = await controller({}, { status: 201, body: { hostId: "host-1", certificate, caCertificate } });
  await expect(ask(invitation(url), "foreign")).rejects.toThrow("The certificate is not for the key of this host");
  expect(loadIdentity(join(folder.path, "foreign"))).toBeUndefined();
});

test.each(["no certificate", (await TestAuthority.create()).certificate])(
  "enrol() keeps no other authority than the invitation's",
  async (caCertificate) => {
    const url = await controller({}, { status: 201, body: { hostId: "host-1", certificate: "", caCertificate } });
    await expect(ask(invitation(url), "other")).rejects.toThrow("another authority than the invitation names");
  },
);

test("parseInvitation() reads the one string, with blanks around it", () => {
  const given = invitation("https://ctl:8443");
  const text = `convirt1.${Buffer.from(JSON.stringify(given)).toString("base64url")}`;
  expect(parseInvitation(`\n ${text} \n`)).toEqual(given);
});

test.each([
  "",
  "convirt1.",
  "convirt1.e30",
  "convirt2.e30",
  "convirt1.!!!",
  `convirt1.${Buffer.from('{"v":1,"controllers":["http://ctl"],"ca":"00","host":"a","secret":"b"}').toString("base64url")}`,
])("parseInvitation() refuses %j", (text) => {
  expect(() => parseInvitation(text)).toThrow("Cannot read the invitation");
});
