import { createHash, X509Certificate } from "node:crypto";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HostEntity } from "../hosts/host.entity.js";
import { TestController } from "../testing.js";
import { makeSigningRequest, post, readInvitation } from "../testing-enrolment.js";
import { InvitationEntity } from "./invitation.entity.js";

let controller: TestController;
let token: string;
let request: { key: string; pem: string };

beforeEach(async () => {
  controller = await TestController.start();
  token = await controller.tokenFor("admin");
  request = await makeSigningRequest("anything");
});
afterEach(() => controller.end());

const database = () => controller.get(DataSource).manager;

async function invite(host = "xen1") {
  const { body } = await controller.call("POST", "/hosts/invitations", { token, body: { host } });
  return readInvitation(body.invitation);
}

/** Port 9 is where nothing listens: the controller will find the host silent. */
function enrol(change: object) {
  const body = { address: "127.0.0.1:9", agentVersion: "1", signingRequest: request.pem, ...change };
  return post(`${controller.httpsUrl}/api/v1/enrolment`, body);
}

async function nothingHappened(): Promise<void> {
  expect(await database().count(HostEntity)).toBe(0);
  expect(await database().count(InvitationEntity)).toBe(1);
}

describe("an invitation", () => {
  test("is one string with the controller's address, the digest of its authority's key, the name and a secret", async () => {
    const answer = await controller.call("POST", "/hosts/invitations", {
      token,
      body: { host: "xen1", ttlSeconds: 60 },
    });
    expect(answer.status).toBe(201);
    expect(answer.body.invitation).toMatch(/^convirt1\.[A-Za-z0-9_-]+$/);
    const parsed = readInvitation(answer.body.invitation);
    expect(parsed).toEqual({
      v: 1,
      controllers: [controller.httpsUrl],
      ca: controller.authorityDigest,
      host: "xen1",
      secret: expect.stringMatching(/^[\w-]{43}$/),
    });
    const [stored] = await database().find(InvitationEntity);
    expect(stored?.secretHash).toBe(createHash("sha256").update(parsed.secret).digest("hex"));
    expect(JSON.stringify(stored)).not.toContain(parsed.secret);
    expect(Date.parse(answer.body.expiresAt) - Date.now()).toBeLessThanOrEqual(60_000);
  });

  test("lets the host of its name in, once", async () => {
    const { host, secret } = await invite();
    const first = await enrol({ host, secret });
    expect(first.status).toBe(201);
    const certificate = new X509Certificate(first.body.certificate);
    expect(certificate.subjectAltName).toBe(`URI:urn:convirt:host:${first.body.hostId}`);
    expect(certificate.subject).toBe(`CN=${first.body.hostId}`);
    expect(certificate.verify(new X509Certificate(first.body.caCertificate).publicKey)).toBe(true);
    const days = (Date.parse(certificate.validTo) - Date.now()) / 86_400_000;
    expect(Math.round(days)).toBe(90);
    const second = await enrol({ host, secret });
    expect({ status: second.status, code: second.body.code }).toEqual({ status: 403, code: "invitation_invalid" });
    expect(await database().count(HostEntity)).toBe(1);
  });

  test("lets in one of two that come with it at the same moment", async () => {
    const { host, secret } = await invite();
    const answers = await Promise.all(Array.from({ length: 5 }, () => enrol({ host, secret })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 403, 403, 403, 403]);
    expect(await database().count(HostEntity)).toBe(1);
  });

  test("is not good for another name, nor with another secret, and stays good for its own", async () => {
    const { host, secret } = await invite();
    expect((await enrol({ host: "xen2", secret })).body.code).toBe("invitation_invalid");
    expect((await enrol({ host, secret: `${secret.slice(0, -1)}${secret.endsWith("A") ? "B" : "A"}` })).body.code).toBe(
      "invitation_invalid",
    );
    await nothingHappened();
    expect((await enrol({ host, secret })).status).toBe(201);
  });

  test("that has expired says so", async () => {
    const { host, secret } = await invite();
    await database()
      .createQueryBuilder()
      .update(InvitationEntity)
      .set({ expiresAt: "2020-01-01T00:00:00.000Z" })
      .execute();
    const answer = await enrol({ host, secret });
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 403, code: "invitation_expired" });
    await nothingHappened();
  });

  test("takes the place of an older one for the same host", async () => {
    const old = await invite();
    await invite();
    expect((await enrol({ host: old.host, secret: old.secret })).body.code).toBe("invitation_invalid");
    await nothingHappened();
  });

  test("survives a restart of the controller", async () => {
    await controller.end();
    controller = await TestController.start();
    const { folder } = controller;
    await controller.stop();
    const database = `${folder}/data/convirt.db`;
    controller = await TestController.start({ folder, database });
    token = await controller.tokenFor("admin");
    const { host, secret } = await invite();
    await controller.stop();
    controller = await TestController.start({ folder, database });
    expect((await enrol({ host, secret })).status).toBe(201);
  });

  test("lasts a day at most", async () => {
    const body = { host: "xen1", ttlSeconds: 86_401 };
    expect((await controller.call("POST", "/hosts/invitations", { token, body })).body.code).toBe("invalid_body");
  });
});

describe("a signing request is refused, and the invitation kept,", () => {
  test("when it cannot be read, or its signature does not hold", async () => {
    const { host, secret } = await invite();
    const der = Buffer.from(request.pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
    der[der.length - 3] = (der.at(-3) ?? 0) ^ 1;
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    for (const signingRequest of ["nonsense", "-----BEGIN CERTIFICATE REQUEST-----", forged]) {
      const answer = await enrol({ host, secret, signingRequest });
      expect({ status: answer.status, code: answer.body.code }).toEqual({
        status: 400,
        code: "signing_request_invalid",
      });
    }
    await nothingHappened();
  });

  test("when its key is of a kind that we do not take", async () => {
    const { host, secret } = await invite();
    const { pem } = await makeSigningRequest("x", "P-521");
    expect((await enrol({ host, secret, signingRequest: pem })).body.code).toBe("signing_request_invalid");
    await nothingHappened();
    const strong = await makeSigningRequest("x", "P-384");
    expect((await enrol({ host, secret, signingRequest: strong.pem })).status).toBe(201);
  });
});

describe("enrolment", () => {
  test("is refused on the port without TLS", async () => {
    const { host, secret } = await invite();
    const body = { host, secret, address: "127.0.0.1:9", agentVersion: "1", signingRequest: request.pem };
    const answer = await controller.call("POST", "/enrolment", { body });
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 403, code: "forbidden" });
    await nothingHappened();
  });

  test.each(["unix:/run/docker.sock", "dns:///evil", "xen1", "xen1:0", "xen1:99999", "http://x:1", "a b:1", ":1"])(
    "is refused with the address %s",
    async (address) => {
      const { host, secret } = await invite();
      const answer = await enrol({ host, secret, address });
      expect(answer.body).toMatchObject({ code: "invalid_body", fields: [{ path: "address" }] });
      await nothingHappened();
    },
  );

  test("is refused after thirty attempts in a minute", async () => {
    const { host, secret } = await invite();
    for (let n = 0; n < 30; n += 1) await enrol({ host, secret: "a".repeat(43) });
    const answer = await enrol({ host, secret });
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 429, code: "too_many_attempts" });
    await nothingHappened();
  });

  test("of a host that is enrolled already keeps its id and what is recorded of it, and ends the old certificate", async () => {
    const first = await invite();
    const before = await enrol({ host: first.host, secret: first.secret });
    await controller.call("POST", "/hosts/xen1/drain", { token, body: { draining: true } });
    const again = await invite();
    const after = await enrol({ host: again.host, secret: again.secret, address: "127.0.0.1:10" });
    expect(after.body.hostId).toBe(before.body.hostId);
    const host = await database().findOneByOrFail(HostEntity, { name: "xen1" });
    const fingerprint = new X509Certificate(after.body.certificate).fingerprint256.replaceAll(":", "").toLowerCase();
    expect(host).toMatchObject({ fingerprint, address: "127.0.0.1:10", draining: true });
  });
});
