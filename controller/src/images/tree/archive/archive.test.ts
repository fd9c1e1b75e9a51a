import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { gzipSync, constants as zlibConstants } from "node:zlib";
import { Header, Pax } from "tar";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { walkTree } from "../walk.js";
import { compressor } from "./compression.js";
import { BadArchive, defaultLimits } from "./limits.js";
import { receiveArchive } from "./receive.js";
import { tarOf } from "./write.js";

type Fields = NonNullable<ConstructorParameters<typeof Header>[0]>;
interface Entry {
  path: string;
  type?: string;
  body?: string | Buffer;
  size?: number;
  linkpath?: string;
  pax?: Record<string, string>;
}

function tarBytes(entries: Entry[], end = true): Buffer {
  const parts: Buffer[] = [];
  for (const { path, type = "File", body = "", size, linkpath, pax } of entries) {
    if (pax !== undefined) parts.push(paxHeader(pax));
    const bytes = Buffer.from(body);
    const block = Buffer.alloc(512);
    const fields = {
      path,
      type,
      size: size ?? bytes.length,
      mode: 0o644,
      mtime: new Date(0),
      linkpath,
    } as unknown as Fields;
    if (new Header(fields).encode(block, 0)) parts.push(new Pax({ path, size: size ?? bytes.length }).encode());
    parts.push(block, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512));
  }
  return Buffer.concat(end ? [...parts, Buffer.alloc(1024)] : parts);
}

function paxHeader(values: Record<string, string>): Buffer {
  const body = Object.entries(values)
    .map(([key, value]) => {
      const rest = ` ${key}=${value}\n`;
      let length = rest.length;
      while (`${length}${rest}`.length !== length) length = `${length}${rest}`.length;
      return `${length}${rest}`;
    })
    .join("");
  const block = Buffer.alloc(512);
  const fields = { path: "PaxHeader", type: "ExtendedHeader", size: body.length, mode: 0o644 } as unknown as Fields;
  new Header(fields).encode(block, 0);
  return Buffer.concat([block, Buffer.from(body), Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

let folder: string;
let target: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "convirt-archive-"));
  target = join(folder, "in", "target");
  await mkdir(target, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const image: Entry[] = [
  { path: "Tiny/", type: "Directory" },
  { path: "Tiny/vm_conf.template", body: "name = 'x'\n" },
  { path: "Tiny/image.conf", body: "a = 1\n" },
];
const receive = (bytes: Buffer, limits = {}) =>
  receiveArchive(Readable.from([bytes], { objectMode: false }), target, { ...defaultLimits, ...limits });

const evil: Record<string, { entries: Entry[]; kind?: "too_large" }> = {
  "a path with ..": { entries: [...image, { path: "Tiny/../../escaped", body: "x" }] },
  "a path that is ..": { entries: [{ path: "../escaped", body: "x" }] },
  "a .. in an extended header": {
    entries: [...image, { path: "Tiny/ok", body: "x", pax: { path: "Tiny/../../escaped" } }],
  },
  "an absolute path": { entries: [{ path: "/tmp/escaped", body: "x" }] },
  "an absolute path in an extended header": {
    entries: [...image, { path: "Tiny/ok", body: "x", pax: { path: "/tmp/escaped" } }],
  },
  "a symbolic link": { entries: [...image, { path: "Tiny/link", type: "SymbolicLink", linkpath: "/etc/passwd" }] },
  "a top folder that is a link": {
    entries: [{ path: "Tiny", type: "SymbolicLink", linkpath: "/etc" }, ...image.slice(1)],
  },
  "a link with a folder's slash": {
    entries: [{ path: "Tiny/", type: "SymbolicLink", linkpath: "/etc" }, ...image.slice(1)],
  },
  "a hard link": { entries: [...image, { path: "Tiny/link", type: "Link", linkpath: "Tiny/image.conf" }] },
  "a hard link to the outside": {
    entries: [...image, { path: "Tiny/link", type: "Link", linkpath: "../../etc/passwd" }],
  },
  "a character device": { entries: [...image, { path: "Tiny/null", type: "CharacterDevice" }] },
  "a block device": { entries: [...image, { path: "Tiny/sda", type: "BlockDevice" }] },
  "a named pipe": { entries: [...image, { path: "Tiny/pipe", type: "FIFO" }] },
  "the same name twice": { entries: [...image, { path: "Tiny/image.conf", body: "b = 2\n" }] },
  "the same name twice, once with ./": { entries: [...image, { path: "./Tiny/image.conf", body: "b = 2\n" }] },
  "a file replaced by a folder": { entries: [...image, { path: "Tiny/image.conf/", type: "Directory" }] },
  "a folder under a file": { entries: [...image, { path: "Tiny/image.conf/x", body: "x" }] },
  "names that differ by case": { entries: [...image, { path: "Tiny/IMAGE.conf", body: "x" }] },
  "folders that differ by case": {
    entries: [...image, { path: "Tiny/a/x", body: "x" }, { path: "Tiny/A/y", body: "x" }],
  },
  "names that differ by normalisation": {
    entries: [...image, { path: "Tiny/caf\u00e9", body: "x" }, { path: "Tiny/cafe\u0301", body: "x" }],
  },
  "a part that is .": { entries: [...image, { path: "Tiny/./x", body: "x" }] },
  "an empty part": { entries: [...image, { path: "Tiny//x", body: "x" }] },
  "a newline in a name": { entries: [...image, { path: "Tiny/a\nb", body: "x" }] },
  "an escape in a name": { entries: [...image, { path: "Tiny/a\u001b[2Jb", body: "x" }] },
  "a backslash in a name": { entries: [...image, { path: "Tiny/..\\x", body: "x" }] },
  "two folders": { entries: [...image, { path: "Other/image.conf", body: "x" }] },
  nothing: { entries: [] },
  "a depth of 40": { entries: [...image, { path: `Tiny/${"d/".repeat(40)}x`, body: "x" }] },
  "a GNU sparse map": { entries: [...image, { path: "Tiny/s", body: "x", pax: { "GNU.sparse.major": "1" } }] },
  "a member larger than the limit": {
    entries: [...image, { path: "Tiny/big", size: 17 * 1024 ** 3 }],
    kind: "too_large",
  },
  "a text file larger than 1 MiB": {
    entries: [{ path: "Tiny/vm_conf.template", body: Buffer.alloc(1024 * 1024 + 1, 35) }],
    kind: "too_large",
  },
  "more than 10,000 files": {
    entries: Array.from({ length: 10_001 }, (_, index) => ({ path: `Tiny/f${index}` })),
    kind: "too_large",
  },
};

describe("receiveArchive()", () => {
  test.each(Object.entries(evil))(
    "refuses an archive with %s and writes nothing outside its folder",
    async (_name, { entries, kind }) => {
      const error = await receive(tarBytes(entries)).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(BadArchive);
      expect(error).toMatchObject({ kind: kind ?? "invalid" });
      expect(await readdir(folder)).toEqual(["in"]);
      expect(await readdir(join(folder, "in"))).toEqual(["target"]);
    },
  );

  test.each(["tar", "gz", "zst"] as const)("takes a good archive as %s, told by its bytes", async (format) => {
    const packed = await buffer(Readable.from([tarBytes(image)]).compose(await compressor(format)));
    expect(await receive(packed)).toEqual({ topFolder: "Tiny", files: 2, bytes: 17 });
    expect(await readFile(join(target, "Tiny/image.conf"), "utf8")).toBe("a = 1\n");
  });

  test("takes a flat archive and says so", async () => {
    const flat = image.slice(1).map((entry) => ({ ...entry, path: entry.path.replace("Tiny/", "./") }));
    expect((await receive(tarBytes(flat))).topFolder).toBeUndefined();
  });

  test.each(["tar", "gz", "zst"] as const)("refuses a %s archive cut at every tenth of its length", async (format) => {
    const body = createHash("sha512").update("x").digest();
    const noise = Buffer.concat(
      Array.from({ length: 200 }, (_, i) => createHash("sha512").update(body).update(`${i}`).digest()),
    );
    const packed = await buffer(
      Readable.from([tarBytes([...image, { path: "Tiny/n", body: noise }])]).compose(await compressor(format)),
    );
    for (let tenth = 1; tenth < 10; tenth++) {
      await rm(target, { recursive: true });
      await mkdir(target);
      await expect(receive(packed.subarray(0, Math.floor((packed.length * tenth) / 10)))).rejects.toBeInstanceOf(
        BadArchive,
      );
    }
  });

  test("refuses a bomb by the ratio of what comes out to what went in", async () => {
    const bomb = gzipSync(tarBytes([...image, { path: "Tiny/zeros", body: Buffer.alloc(8 * 1024 * 1024) }]), {
      level: zlibConstants.Z_BEST_COMPRESSION,
    });
    const limits = { ratioFloorBytes: 1024 * 1024, ratio: 100 };
    await expect(receive(bomb, limits)).rejects.toMatchObject({ kind: "too_large" });
  });

  test("refuses an archive over the total, one compressed twice, and bytes that are no archive", async () => {
    await expect(receive(tarBytes(image), { totalBytes: 10 })).rejects.toMatchObject({ kind: "too_large" });
    await expect(receive(gzipSync(gzipSync(tarBytes(image))))).rejects.toMatchObject({ kind: "invalid" });
    await expect(receive(createHash("sha512").update("noise").digest())).rejects.toMatchObject({ kind: "invalid" });
    await expect(receive(Buffer.alloc(4096, 65))).rejects.toMatchObject({ kind: "invalid" });
    await expect(receive(Buffer.alloc(0))).rejects.toMatchObject({ kind: "invalid" });
  });

  test("refuses a member that needs more than is free", async () => {
    await expect(receive(tarBytes(image), { reserveBytes: Number.MAX_SAFE_INTEGER })).rejects.toMatchObject({
      kind: "too_large",
    });
  });

  test("ends in BadArchive for any single damaged block", async () => {
    const good = tarBytes([...image, { path: "Tiny/x", body: "y".repeat(700) }]);
    for (let at = 0; at < good.length; at += 97) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 0xff;
      await rm(target, { recursive: true });
      await mkdir(target);
      const outcome = await receive(bad).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(BadArchive);
    }
  });
});

describe("tarOf()", () => {
  test("writes what receiveArchive() reads back, the same bytes each time", async () => {
    const long = "n".repeat(150);
    const root = join(folder, "out");
    await mkdir(join(root, "deep", long), { recursive: true });
    await writeFile(join(root, "image.conf"), "a = 1\n");
    await writeFile(join(root, "provision.sh"), "#!/bin/bash\n", { mode: 0o755 });
    await writeFile(join(root, "deep", long, "caf\u00e9"), Buffer.alloc(300_000, 7));
    const found = await walkTree(root);
    const first = await buffer(Readable.from(tarOf("Tiny", found)));
    expect(await buffer(Readable.from(tarOf("Tiny", found)))).toEqual(first);
    await pipeline(Readable.from([first]), async (source) => {
      await receiveArchive(Readable.from(source, { objectMode: false }), target, defaultLimits);
    });
    expect(await readFile(join(target, "Tiny/deep", long, "caf\u00e9"))).toEqual(Buffer.alloc(300_000, 7));
    expect((await stat(join(target, "Tiny/provision.sh"))).mode & 0o777).toBe(0o755);
    expect((await walkTree(join(target, "Tiny"))).files.map(({ path }) => path)).toEqual(
      found.files.map(({ path }) => path),
    );
  });
});
