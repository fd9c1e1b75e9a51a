// The agent as the controller meets it: over a real loopback connection, with mutual TLS.
import { join } from "node:path";
import { connect as tlsConnect } from "node:tls";
import { Action, DomainServiceClient } from "@convirt/proto/domain";
import { DomainState, type HelloReply, HostServiceClient, type Inventory } from "@convirt/proto/host";
import { ProvisionServiceClient } from "@convirt/proto/provision";
import { type ChannelCredentials, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Identity, loadIdentity } from "../identity/identity.js";
import type { Log } from "../log.js";
import {
  fakeXen,
  type KeyPair,
  silentLog,
  type TestAgent,
  TestAuthority,
  temporaryFolder,
  testAgent,
  testConfig,
  until,
} from "../testing.js";

let authority: TestAuthority;
let controller: KeyPair;
let identity: Identity;
beforeAll(async () => {
  authority = await TestAuthority.create();
  controller = await authority.issue("urn:convirt:controller");
  identity = await authority.hostIdentity("xen1");
});

const folder = temporaryFolder();
let xen: ReturnType<typeof fakeXen>;
let agent: TestAgent;
let errors: { message: string; fields: Record<string, unknown> | undefined }[];
const clients: { close(): void }[] = [];

beforeEach(async () => {
  xen = fakeXen(folder.path);
  xen.misbehave({});
  errors = [];
  const log: Log = { ...silentLog, error: (message, fields) => errors.push({ message, fields }) };
  agent = await testAgent({ config: testConfig(folder.path, xen.xl), identity, log });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await agent.stop();
});
afterAll(() => folder.remove());

function by(pair: KeyPair | undefined, seen?: (fingerprint: string) => void): ChannelCredentials {
  const keys = pair === undefined ? [null, null] : [Buffer.from(pair.key), Buffer.from(pair.certificate)];
  return credentials.createSsl(Buffer.from(authority.certificate), keys[0] ?? null, keys[1] ?? null, {
    checkServerIdentity: (_name, certificate) => {
      seen?.(certificate.subjectaltname ?? "");
      return undefined;
    },
  });
}

function host(as: ChannelCredentials = by(controller)): HostServiceClient {
  const client = new HostServiceClient(`127.0.0.1:${agent.port}`, as);
  clients.push(client);
  return client;
}

function hello(client: HostServiceClient): Promise<HelloReply> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + 10_000;
    client.hello({ controllerVersion: "1", features: [] }, new Metadata(), { deadline }, (error, reply) =>
      error === null ? resolve(reply) : reject(error),
    );
  });
}

test("the controller is told versions, features and facts, and how long the certificate lasts", async () => {
  let names = "";
  const reply = await hello(host(by(controller, (seen) => (names = seen))));
  expect(reply).toMatchObject({ agentVersion: "0.0.0-test", features: expect.arrayContaining(["provision.v1"]) });
  expect(reply.facts).toMatchObject({ toolstack: "xl", xenVersion: "4.17.7", hostname: "fakehost" });
  expect(Date.parse(reply.certificateNotAfter)).toBeGreaterThan(Date.now());
  expect(names).toBe(`URI:urn:convirt:host:${identity.hostId}`);
});

test("another host of the same authority is refused on every service", async () => {
  const other = by(await authority.issue("urn:convirt:host:other"));
  await expect(hello(host(other))).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  const address = `127.0.0.1:${agent.port}`;
  const domain = new DomainServiceClient(address, other);
  const provision = new ProvisionServiceClient(address, other);
  clients.push(domain, provision);
  const act = { action: Action.START, vmName: "a", vmUuid: "", vmConfigPath: "" };
  const acted = new Promise((_resolve, reject) => domain.act(act, (error) => reject(error)));
  await expect(acted).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  const followed = provision.follow({ jobId: "x", afterSequence: 0n, logOffset: 0n });
  await expect(drain(followed)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  expect(errors).toEqual([]);
});

test("names that only look like the controller's are refused", async () => {
  for (const name of ["urn:convirt:controller2", "urn:convirt:host:urn:convirt:controller", "convirt-controller"])
    await expect(hello(host(by(await authority.issue(name)))), name).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
    });
});

test("who shows no certificate, one of another authority, or one that has ended, does not get through", async () => {
  const stranger = await (await TestAuthority.create()).issue("urn:convirt:controller");
  const ended = await authority.issue("urn:convirt:controller", { endsAt: new Date(Date.now() - 1000) });
  for (const pair of [undefined, stranger, ended])
    await expect(hello(host(by(pair)))).rejects.toMatchObject({ code: status.UNAVAILABLE });
});

test("TLS 1.2 is refused", async () => {
  const handshake = new Promise<string | null>((resolve, reject) => {
    const socket = tlsConnect({
      host: "127.0.0.1",
      port: agent.port,
      key: controller.key,
      cert: controller.certificate,
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
      maxVersion: "TLSv1.2",
    });
    socket.once("secureConnect", () => resolve(socket.getProtocol()));
    socket.once("error", reject);
  });
  await expect(handshake).rejects.toThrow();
});

test("a watcher gets an inventory at once, and goes on getting them", async () => {
  const seen: Inventory[] = [];
  const stream = host().watchInventory({ intervalMs: 500 });
  stream.on("data", (inventory: Inventory) => seen.push(inventory));
  stream.on("error", () => undefined);
  const first = await until(() => seen[0]);
  expect(first).toMatchObject({ totalMemoryMib: 16_384n, runningJobs: 0, toolstackError: "" });
  expect(first.domains).toMatchObject([{ name: "Domain-0", state: DomainState.RUNNING }]);
  expect(first.storeFreeBytes).toBeGreaterThan(0n);
  expect(Date.now() - Date.parse(first.takenAt)).toBeLessThan(60_000);
  const count = seen.length;
  await until(() => seen.length >= count + 2 || undefined);
  expect(new Set(seen.map((one) => one.factsDigest)).size).toBe(1);
  stream.cancel();
});

test("a toolstack that hangs leaves the host in contact, and says so", async () => {
  await hello(host());
  await agent.stop();
  xen.misbehave({ list: { hang: true }, info: { hang: true } });
  agent = await testAgent({ config: testConfig(folder.path, xen.xl), identity });
  const client = host();
  expect((await hello(client)).facts).toMatchObject({ toolstack: "xl", xenVersion: "" });
  const stream = client.watchInventory({ intervalMs: 500 });
  const first = await new Promise<Inventory>((resolve, reject) => {
    stream.once("data", resolve);
    stream.once("error", reject);
  });
  stream.on("error", () => undefined);
  stream.cancel();
  expect(first).toMatchObject({ domains: [], toolstackError: "xl has not answered for 4 s" });
  // Never.
  expect(first).toMatchObject({ takenAt: "1970-01-01T00:00:00.000Z", ageMs: 0n });
});

test("an inventory that is told again says how old it is", async () => {
  const seen: Inventory[] = [];
  const stream = host().watchInventory({ intervalMs: 500 });
  stream.on("data", (inventory: Inventory) => seen.push(inventory));
  stream.on("error", () => undefined);
  const again = await until(() => {
    const [first, second] = seen.filter((one) => one.takenAt === seen.at(-1)?.takenAt);
    return first !== undefined && second !== undefined ? { first, second } : undefined;
  });
  stream.cancel();
  expect(again.second.ageMs - again.first.ageMs).toBeGreaterThanOrEqual(400n);
});

test("a refusal carries its code, also on a stream", async () => {
  const client = new ProvisionServiceClient(`127.0.0.1:${agent.port}`, by(controller));
  clients.push(client);
  const error = (await drain(client.follow({ jobId: "none", afterSequence: 0n, logOffset: 0n })).catch(
    (caught: unknown) => caught,
  )) as ServiceError;
  expect(error).toMatchObject({ code: status.NOT_FOUND, details: 'There is no job "none" on this host' });
  expect(error.metadata.get("convirt-code")).toEqual(["not_found"]);
  expect(errors).toEqual([]);
});

test("a certificate is renewed without a restart: connections made later see the new one", async () => {
  const client = host();
  const request = await new Promise<string>((resolve, reject) =>
    client.beginRenewal({}, (error, reply) => (error === null ? resolve(reply.signingRequestPem) : reject(error))),
  );
  const complete = (certificatePem: string) =>
    new Promise<void>((resolve, reject) =>
      client.completeRenewal({ certificatePem }, (error) => (error === null ? resolve() : reject(error))),
    );
  const wrong = complete(await authority.sign(request, "another-host"));
  await expect(wrong).rejects.toMatchObject({
    code: status.FAILED_PRECONDITION,
    details: expect.stringContaining("Cannot take the certificate"),
  });
  expect((await wrong.catch((error: ServiceError) => error.metadata.get("convirt-code"))) as unknown).toEqual([
    "certificate_invalid",
  ]);
  const certificate = await authority.sign(request, identity.hostId);
  await complete(certificate);
  const kept = loadIdentity(testConfig(folder.path, xen.xl).stateDir);
  expect(kept).toMatchObject({ certificate, hostId: identity.hostId });
  expect(kept?.key).not.toBe(identity.key);
  const shown = await new Promise<string>((resolve, reject) => {
    const { key, certificate: cert } = controller;
    const options = {
      host: "127.0.0.1",
      port: agent.port,
      key,
      cert,
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
    };
    const socket = tlsConnect(options, () => {
      resolve(socket.getPeerX509Certificate()?.toString() ?? "");
      socket.destroy();
    });
    socket.once("error", reject);
  });
  expect(shown.replace(/\s/g, "")).toBe(certificate.replace(/\s/g, ""));
  // The connection that was open is as good as before, and a renewal is done once.
  await hello(client);
  await expect(complete(certificate)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
});

test("an agent that stops ends its streams at once and serves nobody any more", async () => {
  const stream = host().watchInventory({ intervalMs: 60_000 });
  await new Promise((resolve) => stream.once("data", resolve));
  const ended = drain(stream);
  const stopped = agent.stop();
  await expect(ended).rejects.toMatchObject({ code: status.UNAVAILABLE, details: expect.stringContaining("stops") });
  await stopped;
  await expect(hello(host())).rejects.toMatchObject({ code: status.UNAVAILABLE });
});

test("an agent says that its port is taken", async () => {
  const stateDir = join(folder.path, "other");
  const config = { ...testConfig(folder.path, xen.xl), stateDir, listen: `127.0.0.1:${agent.port}` };
  await expect(testAgent({ config, identity })).rejects.toThrow(`Cannot serve on 127.0.0.1:${agent.port}`);
});

function drain(stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.on("data", () => undefined);
    stream.once("end", resolve);
    stream.once("error", reject);
  });
}
