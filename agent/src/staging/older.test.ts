// A large file of which little changed: what becomes of the bytes that are the same, of whoever uses the version before, and of the disk when it goes wrong.
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, closeSync, linkSync, mkdirSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { open as openFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { leaseAlone } from "../disk/lease.js";
import { temporaryFolder } from "../testing.js";
import type { Staging } from "./staging.js";
import { closeStagings, openStaging, stageTree as stage } from "./testing.js";
import { chunkBytes } from "./tree.js";

/** As it was compiled: the thread that writes large files cannot be started from TypeScript. */
const { Staging: Compiled } = (await import(new URL("../../dist/staging/staging.js", import.meta.url).href)) as {
  Staging: typeof Staging;
};

let folder: ReturnType<typeof temporaryFolder>;
let staging: Staging;
let path: string;

beforeEach(() => {
  folder = temporaryFolder();
  mkdirSync(join(folder.path, "store"));
  path = join(folder.path, "store/Image/disk.raw");
  staging = open();
});
afterEach(async () => {
  await closeStagings();
  folder.remove();
});

const open = () => openStaging(folder.path, Compiled);
const sha256 = (data: Buffer) => createHash("sha256").update(data).digest("hex");
const large = (chunks = 80) =>
  Buffer.concat([randomBytes(chunks * chunkBytes), Buffer.from("a last chunk, not whole")]);
/** Of the same bytes but one in so many chunks, not those at the edges alone. */
function changed(data: Buffer, ...chunks: number[]): Buffer {
  const next = Buffer.from(data);
  for (const chunk of chunks)
    next.writeUInt8((next.readUInt8(chunk * chunkBytes + 7) + 1) % 256, chunk * chunkBytes + 7);
  return next;
}
/** Brings the version, and counts the chunks that it took. */
const bring = async (data: Buffer, to = staging) => (await stage(to, { "disk.raw": data })).sent;
const here = () => sha256(readFileSync(path));
const inode = () => statSync(path).ino;

describe("a large file of which little changed", () => {
  test("is changed where it is, by the chunks that changed alone, when nobody has it open", async () => {
    const first = large();
    await bring(first);
    const before = inode();
    const next = changed(first, 3, 4, 50);
    expect(await bring(next)).toBe(3);
    expect(here()).toBe(sha256(next));
    expect(inode()).toBe(before);
    expect((await staging.staged())[0]?.bytes).toBe(BigInt(next.length));
    // And it is known by what it is now.
    expect(await bring(next)).toBe(0);
    expect(await bring(next, open())).toBe(0);
  });

  test.each([
    ["longer", (data: Buffer) => Buffer.concat([data, randomBytes(chunkBytes)]), 2],
    ["shorter", (data: Buffer) => data.subarray(0, 70 * chunkBytes + 9), 1],
    ["shorter by whole chunks", (data: Buffer) => data.subarray(0, 70 * chunkBytes), 0],
  ])("may become %s", async (_, make, lacking) => {
    const first = large();
    await bring(first);
    const before = inode();
    const next = make(first);
    expect(await bring(next)).toBe(lacking);
    expect({ hash: here(), inode: inode() }).toEqual({ hash: sha256(next), inode: before });
  });

  test("stays as it was for whoever has it open, and for whoever gave it a second name", async () => {
    const first = large();
    await bring(first);
    const guest = openSync(path, "r");
    const next = changed(first, 10);
    expect(await bring(next)).toBe(1);
    const seen = Buffer.alloc(first.length);
    readSync(guest, seen, 0, seen.length, 0);
    closeSync(guest);
    expect({ guest: sha256(seen), here: here() }).toEqual({ guest: sha256(first), here: sha256(next) });

    const copy = join(folder.path, "copy.raw");
    linkSync(path, copy);
    const third = changed(next, 11);
    // The second name is a change of the file that is seen, and what was known of it is not counted on.
    await bring(third);
    expect({ copy: sha256(readFileSync(copy)), here: here() }).toEqual({ copy: sha256(next), here: sha256(third) });
  });

  test("has the mode of its version", async () => {
    const first = large();
    await stage(staging, { "disk.sh": first });
    expect(statSync(join(folder.path, "store/Image/disk.sh")).mode & 0o777).toBe(0o755);
    await stage(staging, { "disk.sh": changed(first, 1) });
    expect(statSync(join(folder.path, "store/Image/disk.sh")).mode & 0o777).toBe(0o755);
  });

  test("is changed where it is though most of it is zeros", async () => {
    const first = Buffer.alloc(80 * chunkBytes);
    await bring(first);
    const before = inode();
    const next = changed(first, 3);
    expect(await bring(next)).toBe(1);
    // And back: those zeros are written, for there is no hole.
    expect(await bring(first)).toBe(0);
    expect({ hash: here(), inode: inode() }).toEqual({ hash: sha256(first), inode: before });
  });

  test("is put together anew when most of it changed", async () => {
    const first = large();
    await bring(first);
    const before = inode();
    const next = changed(first, ...Array.from({ length: 60 }, (_, index) => index));
    expect(await bring(next)).toBe(60);
    expect(here()).toBe(sha256(next));
    expect(inode()).not.toBe(before);
  });

  test("goes on after a cut with the chunks that came, and with those of the version before", async () => {
    const first = large();
    await bring(first);
    const next = changed(first, 3, 20, 50);
    await expect(stage(staging, { "disk.raw": next }, { cutAfter: 2 })).rejects.toThrow("cut");
    expect(await bring(next, open())).toBe(1);
    expect(here()).toBe(sha256(next));
  });

  test("is not trusted when its changing was cut: all that is not verified is sent again", async () => {
    const first = large();
    await bring(first);
    const next = changed(first, 3, 20, 50);
    const handle = await openFile(path, "r");
    const prototype = Object.getPrototypeOf(handle) as typeof handle;
    await handle.close();
    const beforeCommit = () => {
      vi.spyOn(prototype, "truncate").mockRejectedValueOnce(new Error("the power went"));
    };
    await expect(stage(staging, { "disk.raw": next }, { beforeCommit })).rejects.toThrow("the power went");
    vi.restoreAllMocks();
    const again = open();
    expect(await again.lacking([{ name: "Image", digest: "any" }])).toHaveLength(1);
    expect(await bring(next, again)).toBeGreaterThan(70);
    expect(here()).toBe(sha256(next));
  });

  test("is refused, and staged when it is offered again, when somebody wrote to the version before meanwhile", async () => {
    const first = large();
    await bring(first);
    const next = changed(first, 3);
    const meanwhile = () => chmodSync(path, 0o600);
    await expect(stage(staging, { "disk.raw": next }, { beforeCommit: meanwhile })).rejects.toMatchObject({
      code: "not_found",
    });
    await bring(next);
    expect(here()).toBe(sha256(next));
  });
});

describe("a lease", () => {
  test("is had by one who is alone, keeps others out until the file is closed, and is not had where it cannot be told", async () => {
    await bring(large());
    const mine = await openFile(path, "r+");
    expect(await leaseAlone(mine.fd, "no-such-program")).toBe(false);
    expect(await leaseAlone(mine.fd)).toBe(true);
    const isShut = (seconds: string) => {
      try {
        execFileSync("timeout", [seconds, "head", "-c1", path], { stdio: "ignore" });
        return false;
      } catch {
        return true;
      }
    };
    expect(isShut("0.2")).toBe(true);
    await mine.close();
    expect(isShut("10")).toBe(false);
    const [theirs, other] = [await openFile(path, "r"), await openFile(path, "r+")];
    expect(await leaseAlone(other.fd)).toBe(false);
    await theirs.close();
    await other.close();
  });
});
