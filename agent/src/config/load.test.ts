import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import * as z from "zod/mini";
import { temporaryFolder } from "../testing.js";
import { ConfigInvalid, configGroups, configSchema, loadConfig } from "./load.js";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

function file(text: string): string {
  const path = join(folder.path, "agent.toml");
  writeFileSync(path, text);
  return path;
}

test("loadConfig() has a default for everything", () => {
  expect(loadConfig({}, file(""))).toEqual({
    listen: "0.0.0.0:8445",
    advertise: "",
    storeDir: "/var/cache/convirt/image_store",
    logDir: "/var/log/convirt",
    stateDir: "/var/lib/convirt",
    consoleLogDir: "/var/log/xen/console",
    toolstack: "auto",
    defaultBridge: "",
    concurrency: { jobs: 2, creates: 1 },
    policy: {
      diskRoots: ["/var/cache/convirt", "/var/lib/xen/images", "/srv/xen", "/vm_disks"],
      longestScriptMs: 3_600_000,
      forbiddenKeys: [],
    },
    limits: { logMib: 64, stopGraceMs: 10_000, stagingMs: 21_600_000 },
    scopes: "auto",
    logLevel: "info",
  });
});

test("loadConfig() lets the environment go before the file, field by field", () => {
  const path = file('listen = "127.0.0.1:1"\nlogs = "/l"\n[concurrency]\njobs = 3\n[policy]\ndisk_roots = ["/a"]\n');
  const environment = {
    CONVIRT_AGENT_CONFIG: path,
    CONVIRT_AGENT_LISTEN: "127.0.0.1:2",
    CONVIRT_AGENT_CONCURRENCY_CREATES: "4",
    CONVIRT_AGENT_POLICY_FORBIDDEN_KEYS: "pci,usbdev",
  };
  expect(loadConfig(environment)).toMatchObject({
    listen: "127.0.0.1:2",
    logDir: "/l",
    concurrency: { jobs: 3, creates: 4 },
    policy: { diskRoots: ["/a"], forbiddenKeys: ["pci", "usbdev"] },
  });
});

test("loadConfig() reads each field from the environment", () => {
  const values = Object.entries({ LISTEN: "[::1]:0", ADVERTISE: "xen1:1", STORE: "/s", LOGS: "/l", STATE: "/t" });
  const environment = Object.fromEntries(values.map(([key, value]) => [`CONVIRT_AGENT_${key}`, value]));
  const more = {
    CONVIRT_AGENT_TOOLSTACK: "xm",
    CONVIRT_AGENT_DEFAULT_BRIDGE: "br0",
    CONVIRT_AGENT_CONSOLE_LOGS: "/c",
    CONVIRT_AGENT_SCOPES: "never",
    CONVIRT_AGENT_LOG_LEVEL: "debug",
    CONVIRT_AGENT_CONCURRENCY_JOBS: "9",
    CONVIRT_AGENT_LIMITS_LOG_MIB: "7",
    CONVIRT_AGENT_LIMITS_STOP_GRACE_S: "3",
    CONVIRT_AGENT_LIMITS_STAGING_S: "90",
    CONVIRT_AGENT_POLICY_DISK_ROOTS: "/a,/dev/vg0",
    CONVIRT_AGENT_POLICY_LONGEST_SCRIPT_S: "60",
  };
  expect(loadConfig({ ...environment, ...more }, file(""))).toEqual({
    listen: "[::1]:0",
    advertise: "xen1:1",
    storeDir: "/s",
    logDir: "/l",
    stateDir: "/t",
    consoleLogDir: "/c",
    toolstack: "xm",
    defaultBridge: "br0",
    concurrency: { jobs: 9, creates: 1 },
    policy: { diskRoots: ["/a", "/dev/vg0"], longestScriptMs: 60_000, forbiddenKeys: [] },
    limits: { logMib: 7, stopGraceMs: 3_000, stagingMs: 90_000 },
    scopes: "never",
    logLevel: "debug",
  });
});

test("loadConfig() names every problem at once, and what it does not know", () => {
  const path = file('listen = "nowhere"\nlgos = "/l"\n[concurrency]\njobs = 0\n');
  const load = () => loadConfig({ CONVIRT_AGENT_STORE: "relative" }, path);
  expect(load).toThrow(ConfigInvalid);
  for (const word of ["listen", "lgos", "concurrency.jobs", "store: must be an absolute path"])
    expect(load).toThrow(word);
});

test("loadConfig() refuses a file that was named and is not there, or is not TOML", () => {
  expect(() => loadConfig({}, join(folder.path, "missing"))).toThrow(ConfigInvalid);
  expect(() => loadConfig({}, file("listen ="))).toThrow("Cannot read the settings in");
});

test("loadConfig() gives settings that nobody changes later", () => {
  const config = loadConfig({}, file(""));
  expect(Object.isFrozen(config)).toBe(true);
});

test("every setting says what it is for", () => {
  const shapes = [configSchema, ...Object.values(configGroups)].map(
    ({ shape }) => shape as Record<string, z.ZodMiniType>,
  );
  for (const [name, field] of shapes.flatMap((shape) => Object.entries(shape)))
    if (!(name in configGroups)) expect(z.globalRegistry.get(field)?.description, name).toMatch(/\w+ \w+/);
});
