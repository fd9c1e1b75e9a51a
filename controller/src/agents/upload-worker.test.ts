// What the thread that sends large files says of an upload that the host refused. It runs as it was compiled: a thread cannot be started from TypeScript.
import { execFileSync } from "node:child_process";
import { createHash, randomBytes, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { type StagingServiceServer, StagingServiceService } from "@convirt/proto/staging";
import { Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { UploadNews, UploadOrder } from "./upload-worker.js";

const chunkBytes = 262_144;
const program = new URL("../../dist/agents/upload-worker.js", import.meta.url);

let folder: string;
let server: Server;
let order: UploadOrder;
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
  rmSync(folder, { recursive: true });
});

const sha256 = (data: Buffer) => createHash("sha256").update(data).digest();
const chunkOf = (data: Buffer, index: number) => data.subarray(index * chunkBytes, (index + 1) * chunkBytes);

/** Takes chunks that have these hashes, as the agent does. */
function host(hashes: readonly Buffer[]): Pick<StagingServiceServer, "upload"> {
  return {
    upload: (call, callback) => {
      let bytes = 0n;
      call.on("data", ({ chunk, data }: { chunk: number; data: Buffer }) => {
        bytes += BigInt(data.length);
        came.set(chunk, data);
        for (let at = 0, index = chunk; at < data.length; at += chunkBytes, index += 1) {
          if (sha256(data.subarray(at, at + chunkBytes)).equals(hashes[index] ?? Buffer.alloc(0))) continue;
          const metadata = new Metadata();
          metadata.set("convirt-code", "digest_mismatch");
          callback({ code: status.FAILED_PRECONDITION, details: `Chunk ${index} is not what was promised`, metadata });
          return;
        }
      });
      call.on("end", () => callback(null, { bytes }));
    },
  };
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
  expect(await upload()).toMatchObject({
    kind: "failed",
    code: status.FAILED_PRECONDITION,
    agentCode: "digest_mismatch",
    details: "Chunk 0 is not what was promised",
  });
});
