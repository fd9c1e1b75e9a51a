// An upload on a connection of its own, as the controller makes one: over mutual TLS, to a whole agent.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { FrameReader, frameOf, UploadRoom, uploadProtocol } from "@convirt/proto/frames";
import { StagingServiceClient, type Tree } from "@convirt/proto/staging";
import { UploadAnswer } from "@convirt/proto/upload";
import { credentials, type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Identity } from "../identity/identity.js";
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
} from "../testing.js";

const chunkBytes = 262_144;
const folder = temporaryFolder();
let authority: TestAuthority;
let controller: KeyPair;
let identity: Identity;
let agent: TestAgent;
let errors: string[];
let client: StagingServiceClient;
const sockets: TLSSocket[] = [];

beforeAll(async () => {
  authority = await TestAuthority.create();
  controller = await authority.issue("urn:convirt:controller");
  identity = await authority.hostIdentity("xen1");
});
beforeEach(async () => {
  errors = [];
  const log: Log = { ...silentLog, error: (message) => errors.push(message) };
  agent = await testAgent({ config: testConfig(folder.path, fakeXen(folder.path).xl), identity, log });
  const [ca, key, certificate] = [authority.certificate, controller.key, controller.certificate].map((pem) =>
    Buffer.from(pem),
  );
  const checkServerIdentity = () => undefined;
  client = new StagingServiceClient(
    `127.0.0.1:${agent.port}`,
    credentials.createSsl(ca ?? null, key, certificate, { checkServerIdentity }),
  );
});
afterEach(async () => {
  client.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  await agent.stop();
});
afterAll(() => folder.remove());

async function call(pair: KeyPair, protocol: string | null = uploadProtocol): Promise<TLSSocket> {
  const socket = connect({
    ...{ host: "127.0.0.1", port: agent.port, ca: authority.certificate, key: pair.key, cert: pair.certificate },
    ...{ checkServerIdentity: () => undefined, ...(protocol === null ? {} : { ALPNProtocols: [protocol] }) },
  });
  sockets.push(socket.on("error", () => undefined));
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  return socket;
}

/** What the agent says at the end; that it is there, before it. */
function answer(socket: TLSSocket): Promise<UploadAnswer["answer"] | "closed"> {
  return new Promise((resolve) => {
    const reader = new FrameReader((frame) => {
      const { answer: news } = UploadAnswer.decode(frame);
      if (news?.$case !== "alive") resolve(news);
    });
    socket.on("data", (bytes: Buffer) => reader.take(bytes)).once("close", () => resolve("closed"));
  });
}

function refused(what: object): object {
  return { $case: "refused", value: expect.objectContaining(what) };
}

const sha256 = (data: Buffer) => createHash("sha256").update(data).digest();

/** An image of one large file that is offered, so that its chunks are waited for. */
async function offered(name: string, data: Buffer): Promise<Tree> {
  const file = { path: "disk.raw", mode: 0o644, size: BigInt(data.length), sha256: sha256(data) };
  const line = `0644 ${data.length} ${file.sha256.toString("hex")} disk.raw\n`;
  const tree = { name, digest: sha256(Buffer.from(line)).toString("hex"), files: [file] };
  const done = (resolve: () => void, reject: (error: ServiceError) => void) => (error: ServiceError | null) =>
    error === null ? resolve() : reject(error);
  await new Promise<void>((resolve, reject) =>
    client.offer({ name, digest: tree.digest, tree }, done(resolve, reject)),
  );
  const hashes: Buffer[] = [];
  for (let at = 0; at < data.length; at += chunkBytes) hashes.push(sha256(data.subarray(at, at + chunkBytes)));
  const question = { name, treeDigest: tree.digest, file: 0, chunkHashes: Buffer.concat(hashes) };
  await new Promise<void>((resolve, reject) => client.offerChunks(question, done(resolve, reject)));
  return tree;
}

function message(tree: Tree, chunk: number, data: Buffer): Buffer {
  const head = { name: tree.name, treeDigest: tree.digest, file: 0, chunk };
  const room = new UploadRoom(data.length);
  room.data.set(data);
  return room.message(head, data.length, { framed: true });
}

const nothing = frameOf(Buffer.alloc(0));

test("a large file comes whole, and is put in place by a call of gRPC after it", async () => {
  const data = randomBytes(60 * chunkBytes + 5);
  const tree = await offered("Large", data);
  const socket = await call(controller);
  for (let chunk = 0; chunk <= 60; chunk += 4)
    socket.write(message(tree, chunk, data.subarray(chunk * chunkBytes, (chunk + 4) * chunkBytes)));
  socket.write(nothing);
  expect(await answer(socket)).toEqual({ $case: "taken", value: { bytes: BigInt(data.length) } });
  await new Promise<void>((resolve, reject) =>
    client.commit({ name: "Large", treeDigest: tree.digest }, (error) => (error === null ? resolve() : reject(error))),
  );
  expect(readFileSync(join(folder.path, "store/Large/disk.raw")).equals(data)).toBe(true);
});

test("bytes that were not promised are refused in words, which arrive though the controller goes on sending", async () => {
  const data = randomBytes(60 * chunkBytes);
  const tree = await offered("Other", data);
  const socket = await call(controller);
  const end = answer(socket);
  for (let chunk = 0; chunk < 60; chunk += 1) socket.write(message(tree, chunk, randomBytes(chunkBytes)));
  expect(await end).toEqual(refused({ status: status.FAILED_PRECONDITION, code: "digest_mismatch" }));
  expect(errors).toEqual([]);
});

test("another host of the same authority brings nothing", async () => {
  const socket = await call(await authority.issue("urn:convirt:host:other"));
  expect(await answer(socket)).toEqual(refused({ status: status.UNAUTHENTICATED }));
});

test("who shows no certificate of the authority, or names no protocol that is ours, is not listened to", async () => {
  const stranger = await (await TestAuthority.create()).issue("urn:convirt:controller");
  expect(await call(stranger).then(answer, () => "closed")).toBe("closed");
  expect(await call(controller, "http/1.1").then(answer, () => "closed")).toBe("closed");
  expect(await call(controller, null).then(answer, () => "closed")).toBe("closed");
});

test.each([
  ["a length that no frame may have", Buffer.from([0xff, 0xff, 0xff, 0xff])],
  ["a frame that is no message", frameOf(Buffer.from([0x0a, 0x7f, 0x01]))],
])("%s is refused, and hurts nobody else", async (_what, bytes) => {
  const socket = await call(controller);
  const end = answer(socket);
  socket.write(bytes);
  expect(await end).toEqual(refused({ status: status.INVALID_ARGUMENT, code: "bad_request" }));
  expect(errors).toEqual([]);
  await offered("After", randomBytes(100));
});

test("a controller that goes away in the middle leaves what came of whole chunks, and no error", async () => {
  const data = randomBytes(60 * chunkBytes);
  const tree = await offered("Cut", data);
  const socket = await call(controller);
  const end = answer(socket);
  await new Promise((resolve) => socket.write(message(tree, 0, data.subarray(0, chunkBytes)), resolve));
  socket.destroy();
  expect(await end).toBe("closed");
  expect(errors).toEqual([]);
});

test("an agent that stops says so to an upload under way", async () => {
  const tree = await offered("Stopped", randomBytes(60 * chunkBytes));
  const socket = await call(controller);
  const end = answer(socket);
  const bytes = randomBytes(10);
  await new Promise((resolve) => socket.write(message(tree, 0, bytes).subarray(0, 20), resolve));
  await agent.stop();
  expect(await end).toEqual(refused({ status: status.UNAVAILABLE }));
});
