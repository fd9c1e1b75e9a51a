// Xen's own parsers beside ours, on texts that nobody thought of: pieces of the two grammars put together at random, always the same ones. They are those of the
// libxen-dev that is installed. What ends Xen's parser, as some texts do, counts as refused.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { flattenXlOptions, parseXlConfig } from "./config.js";
import { parseXlDisk } from "./disk.js";

type Kind = "c" | "d";

const folder = mkdtempSync(join(tmpdir(), "convirt-xen-parser-"));
const program = join(folder, "parser");
beforeAll(() => {
  const source = fileURLToPath(new URL("./real-parser.c", import.meta.url));
  execFileSync("cc", ["-O1", "-Wall", "-o", program, source, "-lxlutil", "-lxenlight"], { stdio: "pipe" });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What Xen's parser says of each text: undefined when it refuses it. */
function xenSays(kind: Kind, texts: readonly string[]): (Record<string, unknown> | undefined)[] {
  const requests = texts.map((text) => `${kind}${Buffer.byteLength(text)}\n${text}`);
  const said: (Record<string, unknown> | undefined)[] = [];
  while (said.length < texts.length) {
    const { stdout, status } = spawnSync(program, {
      input: requests.slice(said.length).join(""),
      maxBuffer: 256 * 1024 * 1024,
    });
    const lines = stdout.toString("ascii").split("\n").slice(0, -1);
    said.push(...lines.map((line) => read(line)));
    if (status !== 0) said.push(undefined);
  }
  return said;
}

/** It tells bytes, we texts. */
function read(line: string): Record<string, unknown> | undefined {
  const asText = (_: string, value: unknown) =>
    typeof value === "string" ? Buffer.from(value, "latin1").toString("utf8") : value;
  return (JSON.parse(line, asText) as Record<string, unknown> | null) ?? undefined;
}

const configPieces = [
  ...[
    "k",
    "a",
    "b",
    "k_",
    "K",
    "k..a",
    "k.b",
    "=",
    "=",
    "=",
    "+=",
    "[",
    "]",
    ",",
    ";",
    "\n",
    "\n",
    "\n",
    " ",
    "\t",
    "\r",
  ],
  ...[
    "'",
    '"',
    "\\",
    "\\\n",
    '"x"',
    "'y'",
    "'\\''",
    '"\\q"',
    '"\\n"',
    '"\\x41"',
    '"\\x4"',
    '"\\101"',
    "'\\400'",
    '"""',
  ],
  ...["1", "0x1f", "0x", "08", "12abc", "-1", "1.5", "true", "None", "# c\n", "(", "{", "%", "/", "é", "\f"],
  ...["k=1\n", "a='x';b=\"y\"\n", 'k=["a",]\n', "k=[,]", 'k=["a"\n,\n"b"]\n', "k=[['a']]\n", "k+='z'\n", 'k+=["q"]\n'],
];
const diskPieces = [
  ...[
    "file:",
    "phy:",
    "tap:",
    "tap2:",
    "aio:",
    "qcow2:",
    "vhd:",
    "raw:",
    "iscsi:",
    "nbd:",
    "drbd:",
    "tap:aio:",
    "E:",
    "e:",
  ],
  ...[
    "/a",
    "/dev/x",
    "/a b",
    "target=",
    "target=/b",
    "target=/x,y",
    "vdev=",
    "vdev=xvda",
    "hda",
    "xvda",
    "sda1",
    "d0p1",
    "nvme",
  ],
  ...[
    "hdc:cdrom",
    "devtype=cdrom",
    "devtype=disk",
    "devtype=x",
    "cdrom",
    ":cdrom",
    "w",
    "r",
    "rw",
    "ro",
    "!",
    "access=w",
  ],
  ...[
    "access=ro",
    "access=x",
    "format=raw",
    "format=qcow2",
    "format=empty",
    "format=aio",
    "format=xx",
    "raw",
    "qcow2",
    "vdi",
  ],
  ...[
    "empty",
    "backendtype=qdisk",
    "backendtype=phy",
    "backendtype=x",
    "backend=dom1",
    "backend=",
    "script=foo",
    "script=",
  ],
  ...["direct-io-safe", "discard", "no-discard", "colo", "no-colo", "colo-port=1", "colo-port=x", "active-disk=a"],
  ...["reset-boot-order", "foo=bar", "foo", ",", ",", ",", ",", " ", "\t", "\n", "=", ":", "%", "é", "readonly"],
];
const joined = (pieces: readonly string[], maxLength: number, between = "") =>
  fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength }).map((parts) => parts.join(between));
const samples = (texts: fc.Arbitrary<string>) => fc.sample(texts, { numRuns: 10_000, seed: 1 });

test("parseXlConfig() says of ten thousand random texts what Xen's parser says", () => {
  const texts = samples(
    fc.oneof(
      joined(configPieces, 12).map((text) => `${text}\n`),
      joined(configPieces, 5).map((value) => `k=${value}\n`),
    ),
  );
  const xen = xenSays("c", texts).map((options) => (options === undefined ? undefined : flattened(options)));
  const ours = texts.map((text) => {
    const verdict = parseXlConfig(text);
    if (!verdict.accepted) return undefined;
    const options = Object.entries(flattenXlOptions(verdict.options));
    return Object.fromEntries(options.filter(([name]) => /^[kab](\[\d+\])?$/.test(name)));
  });
  expect(differing(texts, xen, ours)).toEqual([]);
  expect(xen.filter((one) => one !== undefined).length).toBeGreaterThan(300);
});

test("parseXlDisk() says of ten thousand random texts what Xen's parser says", () => {
  const texts = samples(fc.oneof(joined(diskPieces, 6), joined(diskPieces, 6, ","), joined(diskPieces, 5, ", ")));
  const xen = xenSays("d", texts);
  const ours = texts.map((text) => parseXlDisk(text)).map(({ accepted, disk }) => (accepted ? disk : undefined));
  expect(differing(texts, xen, ours)).toEqual([]);
  expect(xen.filter((one) => one !== undefined).length).toBeGreaterThan(500);
});

/** Options as `convirt xl check` names them, without those that are absent. */
function flattened(options: Record<string, unknown>): Record<string, unknown> {
  const flat = Object.entries(options).flatMap(([name, value]) =>
    Array.isArray(value) ? value.map((item: unknown, index) => [`${name}[${index}]`, item]) : [[name, value]],
  );
  return Object.fromEntries(flat.filter(([, value]) => value !== null));
}

function differing(texts: readonly string[], xen: readonly unknown[], ours: readonly unknown[]): unknown[] {
  const sorted = (value: unknown) =>
    value === undefined
      ? "refused"
      : JSON.stringify(Object.entries(value as object).sort(([a], [b]) => (a < b ? -1 : 1)));
  return texts.flatMap((text, index) => {
    const [theirs, mine] = [sorted(xen[index]), sorted(ours[index])];
    return theirs === mine ? [] : [{ text, xen: theirs, ours: mine }];
  });
}
