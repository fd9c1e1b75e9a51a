import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const program = fileURLToPath(new URL("../dist/fake-xen.cjs", import.meta.url));
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

function config(name: string, lines: string[]): string {
  const path = join(folder, `${name}.cfg`);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

const kernel = `kernel = "${process.execPath}"`;

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

  test("gets what it was made with: sizes with units, processors, a card with an address of its own", () => {
    const lines = ['name = "a"', kernel, "memory = 64", "maxmem = 128", "maxvcpus = 2", 'vif = ["bridge=xenbr0"]'];
    xl("create", config("a", lines));
    expect(xl("mem-set", "a", "131072k").status).toBe(0);
    expect(xl("vcpu-set", "a", "2").status).toBe(0);
    expect(xl("list", "a").stdout).toMatch(/^a +1 +128 +2 /m);
    expect(xl("vcpu-set", "a", "x")).toMatchObject({
      status: 1,
      stderr: "Error: Invalid argument x as VCPUS number\n",
    });
    expect(xl("network-list", "a").stdout).toMatch(/00:16:3e:[0-7][0-9a-f](:[0-9a-f]{2}){2} /);
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
