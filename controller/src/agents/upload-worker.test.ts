// What the thread that sends large files says of an upload that the host refused. It runs as it was compiled: a thread cannot be started from TypeScript.
import { execFileSync } from "node:child_process";
import { createHash, randomBytes, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { Worker } from "node:worker_threads";
import { decodeUpload, FrameReader, frameOf, uploadProtocol } from "@convirt/proto/frames";
import { type StagingServiceServer, StagingServiceService } from "@convirt/proto/staging";
import { UploadAnswer } from "@convirt/proto/upload";
import { Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { UploadNews, UploadOrder } from "./uploader.js";

const chunkBytes = 262_144;
const programOf = (name: string) => new URL(`../../dist/agents/${name}.js`, import.meta.url);

let folder: string;
let server: Server;
let connections: TlsServer;
let connectionsPort: number;
let order: UploadOrder;
let program: URL;
/** Bytes that came, by the number of their first chunk. */
let came: Map<number, Buffer>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "convirt-upload-"));
  const [keyFile, certificateFile] = [join(folder, "key"), join(folder, "certificate")];
  const subject = ["-subj", "/CN=host-1", "-days", "1", "-keyout", keyFile, "-out", certificateFile];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", ...subject],
    { stdio: "ignore" },
  );
  const [key, certificate] = [readFileSync(keyFile, "utf8"), readFileSync(certificateFile, "utf8")];
  const data = randomBytes(40 * chunkBytes + 5);
  writeFileSync(join(folder, "disk.raw"), data);
  const hashes = Array.from({ length: 41 }, (_, index) => sha256(chunkOf(data, index)));
  server = new Server({ "grpc.max_receive_message_length": 4 * 1024 * 1024 });
  came = new Map();
  server.addService(StagingServiceService, { ...host(hashes) } as StagingServiceServer);
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(certificate) };
  const credentials = ServerCredentials.createSsl(Buffer.from(certificate), [pair], true);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  connections = createServer({
    key,
    cert: certificate,
    ca: certificate,
    requestCert: true,
    ALPNProtocols: [uploadProtocol],
  });
  connections.on("secureConnection", (socket) => takeConnection(socket, hashes));
  await new Promise<void>((resolve) => connections.listen(0, "127.0.0.1", resolve));
  connectionsPort = (connections.address() as AddressInfo).port;
  const fingerprints = [new X509Certificate(certificate).fingerprint256.replaceAll(":", "").toLowerCase()];
  order = {
    access: {
      hostId: "host-1",
      hostName: "xen1",
      address: `127.0.0.1:${port}`,
      ca: certificate,
      key,
      certificate,
      fingerprints,
    },
    name: "Large",
    treeDigest: "d",
    root: folder,
    files: [
      {
        index: 0,
        path: "disk.raw",
        size: data.length,
        chunkHashes: Buffer.concat(hashes),
        ranges: [{ first: 0, last: 40 }],
      },
    ],
  };
});
afterEach(() => {
  server.forceShutdown();
  connections.close();
  rmSync(folder, { recursive: true });
});

const sha256 = (data: Buffer) => createHash("sha256").update(data).digest();
const chunkOf = (data: Buffer, index: number) => data.subarray(index * chunkBytes, (index + 1) * chunkBytes);

/** The first of the chunks that has not the hash that it is to have. */
function firstWrong(first: number, data: Buffer, hashes: readonly Buffer[]): number | undefined {
  came.set(first, data);
  for (let at = 0, index = first; at < data.length; at += chunkBytes, index += 1)
    if (!sha256(data.subarray(at, at + chunkBytes)).equals(hashes[index] ?? Buffer.alloc(0))) return index;
  return undefined;
}

/** Takes chunks that have these hashes, as the agent does. */
function host(hashes: readonly Buffer[]): Pick<StagingServiceServer, "upload"> {
  return {
    upload: (call, callback) => {
      let bytes = 0n;
      call.on("data", ({ chunk, data }: { chunk: number; data: Buffer }) => {
        bytes += BigInt(data.length);
        const wrong = firstWrong(chunk, data, hashes);
        if (wrong === undefined) return;
        const metadata = new Metadata();
        metadata.set("convirt-code", "digest_mismatch");
        callback({ code: status.FAILED_PRECONDITION, details: `Chunk ${wrong} is not what was promised`, metadata });
      });
      call.on("end", () => callback(null, { bytes }));
    },
  };
}

/** The same by a connection of the upload's own. */
function takeConnection(socket: TLSSocket, hashes: readonly Buffer[]): void {
  const say = (answer: NonNullable<UploadAnswer["answer"]>) =>
    socket.write(frameOf(UploadAnswer.encode({ answer }).finish()));
  let bytes = 0;
  const reader = new FrameReader((frame) => {
    if (frame.length === 0) {
      say({ $case: "taken", value: { bytes: BigInt(bytes) } });
      return void socket.end();
    }
    const { chunk, data } = decodeUpload(frame);
    bytes += data.length;
    const wrong = firstWrong(chunk, Buffer.from(data), hashes);
    if (wrong === undefined) return;
    const refusal = { status: status.FAILED_PRECONDITION, code: "digest_mismatch" };
    say({ $case: "refused", value: { ...refusal, message: `Chunk ${wrong} is not what was promised` } });
    socket.end();
  });
  // A sign of life before anything else, as the agent gives them.
  say({ $case: "alive", value: {} });
  socket.on("error", () => undefined).on("data", (came: Buffer) => socket.writableEnded || reader.take(came));
}

/** How the upload ended. */
async function upload(): Promise<UploadNews> {
  const worker = new Worker(program, { workerData: order });
  try {
    return await new Promise((resolve, reject) => {
      worker.on("message", (news: UploadNews) => news.kind !== "sent" && resolve(news));
      worker.once("error", reject);
    });
  } finally {
    await worker.terminate();
  }
}

describe.each([
  ["a call of gRPC", "upload-call-worker", false],
  ["a connection of its own", "upload-worker", true],
])("by %s", (_way, name, ownConnection) => {
  beforeEach(() => {
    program = programOf(name);
    if (ownConnection) order.access.address = `127.0.0.1:${connectionsPort}`;
  });

  test("a large file arrives byte for byte", async () => {
    expect(await upload()).toEqual({ kind: "done" });
    const data = Buffer.concat([...came].sort(([a], [b]) => a - b).map(([, bytes]) => bytes));
    expect(data.equals(readFileSync(join(folder, "disk.raw")))).toBe(true);
  });

  test("a file that changed since it was hashed is named as such, when the host finds that its bytes are not those promised", async () => {
    const data = readFileSync(join(folder, "disk.raw"));
    data[30 * chunkBytes + 7] = (data[30 * chunkBytes + 7] ?? 0) ^ 1;
    writeFileSync(join(folder, "disk.raw"), data);
    expect(await upload()).toEqual({ kind: "changed", path: "disk.raw" });
  });

  test("a file that became shorter is named as changed before anything wrong is sent", async () => {
    writeFileSync(join(folder, "disk.raw"), readFileSync(join(folder, "disk.raw")).subarray(0, 20 * chunkBytes));
    expect(await upload()).toEqual({ kind: "changed", path: "disk.raw" });
  });

  test("bytes that were sent as promised and did not come so are the host's refusal, in its words", async () => {
    order.files[0]?.ranges.splice(0, 1, { first: 0, last: 3 });
    server.removeService(StagingServiceService);
    server.addService(StagingServiceService, { ...host([]) } as StagingServiceServer);
    connections.removeAllListeners("secureConnection").on("secureConnection", (socket) => takeConnection(socket, []));
    expect(await upload()).toMatchObject({
      kind: "failed",
      code: status.FAILED_PRECONDITION,
      agentCode: "digest_mismatch",
      details: "Chunk 0 is not what was promised",
    });
  });

  test("a host that shows another certificate than its own is sent nothing", async () => {
    order.access.fingerprints = ["0".repeat(64)];
    expect(await upload()).toMatchObject({ kind: "failed", code: status.UNAVAILABLE });
    expect(came.size).toBe(0);
  });

  test("a host that cannot be reached, or goes away in the middle, is not in contact", async () => {
    connections
      .removeAllListeners("secureConnection")
      .on("secureConnection", (socket) => socket.once("data", () => socket.destroy()));
    if (!ownConnection) server.forceShutdown();
    expect(await upload()).toMatchObject({ kind: "failed", code: status.UNAVAILABLE });
    connections.close();
    expect(await upload()).toMatchObject({ kind: "failed", code: status.UNAVAILABLE });
  });
});
