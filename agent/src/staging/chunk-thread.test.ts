// The thread that writes chunks, as it was compiled: one cannot be started from TypeScript.
import { createHash, randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryFolder } from "../testing.js";
import type { ChunkThread } from "./chunk-thread.js";

const chunkBytes = 1024;
const { ChunkThread: Compiled } = (await import(
  new URL("../../dist/staging/chunk-thread.js", import.meta.url).href
)) as {
  ChunkThread: new (back?: (room: ArrayBuffer) => void) => ChunkThread;
};

let folder: ReturnType<typeof temporaryFolder>;
let thread: ChunkThread;
const files: number[] = [];

beforeEach(() => {
  folder = temporaryFolder();
  thread = new Compiled();
});
afterEach(async () => {
  await thread.close();
  for (const fd of files.splice(0)) closeSync(fd);
  folder.remove();
});

function opened(path: string): number {
  files.push(openSync(path, "w"));
  return files.at(-1) ?? -1;
}
const hashesOf = (data: Buffer) =>
  Buffer.concat(
    Array.from({ length: Math.ceil(data.length / chunkBytes) }, (_, index) =>
      createHash("sha256")
        .update(data.subarray(index * chunkBytes, (index + 1) * chunkBytes))
        .digest(),
    ),
  );

test("writes chunks where they belong, those of shared buffers too", async () => {
  const path = join(folder.path, "file");
  const fd = opened(path);
  const data = randomBytes(3 * chunkBytes + 5);
  const hashes = hashesOf(data);
  // Small buffers of Node's are views of one that is shared: the others must survive.
  const neighbour = Buffer.from("neighbour");
  const halves = [Buffer.from(data.subarray(0, 2 * chunkBytes)), Buffer.from(data.subarray(2 * chunkBytes))];
  await Promise.all([
    thread.write(2, { fd, position: 2 * chunkBytes, data: halves[1] ?? data, chunkBytes, hashes: hashes.subarray(64) }),
    thread.write(0, { fd, position: 0, data: halves[0] ?? data, chunkBytes, hashes: hashes.subarray(0, 64) }),
  ]);
  expect([readFileSync(path).equals(data), neighbour.toString()]).toEqual([true, "neighbour"]);
});

test("refuses a chunk that is not what was promised by its number in the file, and writes none of its order", async () => {
  const path = join(folder.path, "file");
  const fd = opened(path);
  const data = randomBytes(3 * chunkBytes);
  const hashes = hashesOf(data);
  data[2 * chunkBytes] = (data[2 * chunkBytes] ?? 0) ^ 1;
  const hash = hashesOf(data).subarray(64, 96).toString("hex");
  await expect(thread.write(7, { fd, position: 0, data, chunkBytes, hashes })).rejects.toMatchObject({
    code: "digest_mismatch",
    message: `Chunk 9 is not what was promised: it has the SHA-256 ${hash}`,
  });
  expect(readFileSync(path)).toHaveLength(0);
});

test("gives back the memory of what it wrote, and of what it refused, whole", async () => {
  const free: ArrayBuffer[] = [];
  await thread.close();
  thread = new Compiled((room) => free.push(room));
  const fd = opened(join(folder.path, "file"));
  const data = () => new Uint8Array(new ArrayBuffer(chunkBytes + 100), 100);
  const hashes = hashesOf(Buffer.from(data()));
  await thread.write(0, { fd, position: 0, data: data(), chunkBytes, hashes });
  await expect(
    thread.write(1, { fd, position: 0, data: data(), chunkBytes, hashes: Buffer.alloc(32) }),
  ).rejects.toMatchObject({ code: "digest_mismatch" });
  expect(free.map((room) => room.byteLength)).toEqual([chunkBytes + 100, chunkBytes + 100]);
});

test("says why the system would not write", async () => {
  const data = randomBytes(chunkBytes);
  const order = { fd: opened("/dev/full"), position: 0, data, chunkBytes, hashes: hashesOf(data) };
  await expect(thread.write(0, order)).rejects.toMatchObject({ code: "ENOSPC" });
});

test("what it was still to write when it is closed is rejected, not forgotten", async () => {
  const data = randomBytes(512 * chunkBytes);
  const order = { fd: opened(join(folder.path, "file")), position: 0, data, chunkBytes, hashes: hashesOf(data) };
  const written = expect(thread.write(0, order)).rejects.toThrow("ended");
  await thread.close();
  await written;
});
