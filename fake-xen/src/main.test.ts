import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const program = fileURLToPath(new URL("../dist/fake-xen.mjs", import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fake-xen-"));
  writeFileSync(
    join(folder, "host.json"),
    JSON.stringify({ nodename: "dom0", memoryMib: 3071, dom0MemoryMib: 1024, cpus: 2 }),
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const environment = () => ({ PATH: process.env["PATH"] ?? "", FAKE_XEN_DIR: folder });
const xl = (...words: string[]) =>
  spawnSync(process.execPath, [program, "xl", ...words], { encoding: "utf8", env: environment() });

/** What the real xl printed, by sample. */
function recorded(name: string): { stdout: string; stderr: string } {
  const read = (file: string) => {
    try {
      return readFileSync(new URL(`recorded/${file}`, import.meta.url), "utf8");
    } catch {
      return "";
    }
  };
  return { stdout: read(`${name}.txt`), stderr: read(`${name}.stderr.txt`) };
}

/** Without what differs from call to call: paths, ids, times, addresses of code. */
function plain(text: string): string {
  return text
    .replaceAll(folder, "")
    .replace(/Domain \d+:/g, "Domain N:")
    .replace(/\/etc\/xen\/[a-z0-9-]+\.cfg/g, "CFG")
    .replace(/\/[a-z0-9-]+\.cfg/g, "CFG")
    .replace(/\/srv\/(disks|guest)\/[a-z.]+/g, "FILE")
    .replace(/\/absent/g, "FILE")
    .replace(/\[\d+\]/g, "[PID]")
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "UUID")
    .replace(/\d+\.\d$/gm, "TIME");
}

function config(name: string, lines: string[]): string {
  const path = join(folder, `${name}.cfg`);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

const kernel = `kernel = "${process.execPath}"`;

describe("xl answers as the real one did", () => {
  test.each([
    ["xl-list-dom0-only", ["list"], 0],
    ["xl-domid-absent", ["domid", "nosuch"], 1],
    ["xl-list-absent-domain", ["list", "nosuch"], 1],
    ["xl-destroy-absent", ["destroy", "nosuch"], 1],
    ["xl-shutdown-absent", ["shutdown", "nosuch"], 1],
    ["xl-pause-absent", ["pause", "nosuch"], 1],
    ["xl-destroy-dom0", ["destroy", "0"], 1],
    ["xl-unknown-command", ["frobnicate"], 1],
  ])("%s", (name, words, exitCode) => {
    const done = xl(...words);
    expect({
      stdout: plain(done.stdout).replace(/ +TIME/g, " TIME"),
      stderr: plain(done.stderr),
      status: done.status,
    }).toEqual({
      stdout: plain(recorded(name).stdout).replace(/ +TIME/g, " TIME"),
      stderr: plain(recorded(name).stderr),
      status: exitCode,
    });
  });

  test("xl-info: the same facts in the same order", () => {
    const keys = (text: string) => text.split("\n").map((line) => line.split(":")[0]);
    const real = keys(recorded("xl-info").stdout);
    for (const [index, key] of keys(xl("info").stdout).slice(0, 25).entries()) expect(real[index]).toBe(key);
  });

  test.each([
    ["xl-create-no-name", () => config("no-name", ['type = "pv"']), 1],
    ["xl-create-bad-type", () => config("badtype", ['name = "a"', 'type = "zzz"']), 1],
    [
      "xl-create-missing-disk",
      () => config("nodisk", ['name = "a"', kernel, 'disk = ["format=raw,vdev=xvda,access=rw,target=/absent"]']),
      3,
    ],
    ["xl-create-missing-kernel", () => config("nokernel", ['name = "a"', 'kernel = "/absent"']), 3],
    ["xl-create-not-enough-memory", () => config("bigmem", ['name = "a"', kernel, "memory = 999999"]), 3],
  ])("%s: the same words and exit code", (name, make, exitCode) => {
    const done = xl("create", make());
    expect(plain(done.stderr).split("\n")).toEqual(plain(recorded(name).stderr).split("\n"));
    expect(done.status).toBe(exitCode);
    expect(xl("list").stdout.trim().split("\n")).toHaveLength(2);
  });

  test("xl-create-duplicate-name: the same words and exit code", () => {
    const path = config("pv1", ['name = "pv1"', kernel]);
    expect(xl("create", path).status).toBe(0);
    const done = xl("create", path);
    expect(plain(done.stderr)).toBe(plain(recorded("xl-create-duplicate-name").stderr));
    expect(done.status).toBe(3);
  });

  test("xl-create-n: what would be made, as JSON, and nothing is made", () => {
    const done = xl("create", "-n", config("pv1", ['name = "pv1"', kernel, "memory = 96"]));
    expect(JSON.parse(done.stdout)).toMatchObject({
      c_info: { type: "pv", name: "pv1" },
      b_info: { target_memkb: 98_304 },
    });
    expect(Object.keys(JSON.parse(done.stdout) as object)).toEqual(
      Object.keys(JSON.parse(recorded("xl-create-n-pv1").stdout) as object).filter((key) => key !== "nics"),
    );
    expect(xl("list").stdout).not.toContain("pv1");
  });
});

describe("a domain of fake-xen", () => {
  test("lives: it is made, paused, unpaused, shut down, and gone after a moment", async () => {
    writeFileSync(join(folder, "host.json"), JSON.stringify({ shutdownMs: 50 }));
    expect(
      xl("create", config("a", ['name = "a"', kernel, "memory = 64", 'uuid = "11111111-2222-3333-4444-555555555555"']))
        .status,
    ).toBe(0);
    expect(xl("list", "-v").stdout).toMatch(/^a +1 +64 +1 {5}-b---- .*11111111-2222-3333-4444-555555555555/m);
    xl("pause", "a");
    expect(xl("list", "a").stdout).toContain("--p---");
    xl("unpause", "1");
    expect(xl("domname", "1").stdout).toBe("a\n");
    expect(xl("shutdown", "-w", "a").status).toBe(0);
    expect(xl("domid", "a").status).toBe(1);
  });

  test("gets another id when it reboots", () => {
    writeFileSync(join(folder, "host.json"), JSON.stringify({ shutdownMs: 0 }));
    xl("create", config("a", ['name = "a"', kernel]));
    xl("reboot", "a");
    expect(xl("domid", "a").stdout).toBe("2\n");
  });

  test("is never lost when many calls come at once", async () => {
    const paths = Array.from({ length: 12 }, (_, index) =>
      config(`vm${index}`, [`name = "vm${index}"`, kernel, "memory = 16"]),
    );
    await Promise.all(
      paths.map((path) =>
        once(spawn(process.execPath, [program, "xl", "create", path], { env: environment(), stdio: "ignore" }), "exit"),
      ),
    );
    expect(xl("list").stdout.match(/^vm\d+ /gm)).toHaveLength(12);
  });
});

test("fake-xen misbehaves on order: late, with an error, or for good", () => {
  writeFileSync(
    join(folder, "misbehave.json"),
    JSON.stringify({ list: { exitCode: 9, stderr: "libxl: error: sick\n" } }),
  );
  expect(xl("list")).toMatchObject({ status: 9, stderr: "libxl: error: sick\n" });
  expect(xl("info").status).toBe(0);
  writeFileSync(join(folder, "misbehave.json"), JSON.stringify({ info: { hang: true } }));
  expect(spawnSync(process.execPath, [program, "xl", "info"], { env: environment(), timeout: 500 }).signal).toBe(
    "SIGTERM",
  );
});

test("fake-xen refuses to answer without a folder of its own", () => {
  const done = spawnSync(process.execPath, [program, "xl", "list"], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "" },
  });
  expect(done.status).toBe(1);
  expect(done.stderr).toContain("FAKE_XEN_DIR");
});
