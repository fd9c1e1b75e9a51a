import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AgentConfig } from "../config/config.js";
import { type Identity, saveIdentity } from "../identity/identity.js";
import { plainEnvironment } from "../process/run.js";
import { fakeXen, TestAuthority, temporaryFolder, testConfig } from "../testing.js";
import { Driver } from "../toolstack/driver.js";
import { checkHost, checkNode, lacking } from "./check.js";
import { digestOf, freeBytes, gatherFacts } from "./facts.js";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());
const never = new AbortController().signal;

function driver(program: string): Driver {
  return new Driver({ program, name: "xl", environment: plainEnvironment, creates: 1, scopes: false });
}

test("checkHost() finds no fault with a toolstack that answers and an identity in force", async () => {
  const { xl } = fakeXen(folder.path);
  const config = testConfig(folder.path, xl);
  saveIdentity(config.stateDir, await (await TestAuthority.create()).hostIdentity("xen1"));
  const errors = (await checkHost(config, driver(xl), never)).filter((one) => one.severity === "error");
  expect(errors).toEqual([]);
});

test("checkHost() says that there is no toolstack, and how to get one", async () => {
  const [first] = await checkHost(testConfig(folder.path, "auto"), undefined, never);
  expect(first).toMatchObject({ severity: "error", what: "There is neither xl nor xm" });
  expect(first?.advice).toContain("apt-get install xen-system-amd64");
});

test("checkHost() gives the words of a toolstack that fails", async () => {
  const { xl, misbehave } = fakeXen(folder.path);
  misbehave({ info: { exitCode: 1, stderr: "xencall: error: Permission denied\n" } });
  const findings = await checkHost(testConfig(folder.path, xl), driver(xl), never);
  expect(findings[0]?.what).toContain("Permission denied");
});

test("checkHost() names folders that cannot be, an identity that is none, and that there is none yet", async () => {
  const { xl } = fakeXen(folder.path);
  writeFileSync(join(folder.path, "file"), "");
  const config = { ...testConfig(folder.path, xl), storeDir: join(folder.path, "file", "store") };
  const said = async () => (await checkHost(config, driver(xl), never)).map((one) => one.what).join("\n");
  expect(await said()).toContain(`${folder.path}/file/store is not there and cannot be made`);
  expect(await said()).toContain("This host is not enrolled yet");
  mkdirSync(join(config.stateDir, "identity"), { recursive: true });
  writeFileSync(join(config.stateDir, "identity", "identity.json"), "{}");
  expect(await said()).toContain("it does not hold a host's identity");
});

/** What is said of a host, as `what: advice` a line. */
async function said(config: AgentConfig, toolstack: Driver | undefined): Promise<string> {
  const findings = await checkHost(config, toolstack, never);
  return findings.map(({ severity, what, advice }) => `${severity}: ${what}: ${advice}`).join("\n");
}

test("checkHost() warns of a host that has no memory left for VMs, and says how dom0 gets less", async () => {
  const { xl } = fakeXen(folder.path);
  writeFileSync(join(folder.path, "xen", "host.json"), JSON.stringify({ memoryMib: 1024, dom0MemoryMib: 1000 }));
  expect(await said(testConfig(folder.path, xl), driver(xl))).toMatch(
    /^warning: Only \d+ MiB of memory are free for VMs: .*dom0_mem=/m,
  );
});

test("checkHost() warns of a host that has xm alone", async () => {
  const { xl: xm } = fakeXen(folder.path, "xm");
  const toolstack = new Driver({ program: xm, name: "xm", environment: plainEnvironment, creates: 1, scopes: false });
  const text = await said(testConfig(folder.path, xm), toolstack);
  expect(text).toMatch(/^warning: There is xm and no xl: .*apt-get install xen-system-amd64$/m);
  expect(text).not.toContain("error: ");
});

test("checkHost() names the toolstack that the settings ask for and that is not there", async () => {
  const config = { ...testConfig(folder.path, ""), toolstack: "xl" };
  expect(await said(config, undefined)).toMatch(/^error: There is no xl: .*set toolstack in agent\.toml$/m);
});

test("checkHost() names a bridge of the settings that is not there, and says so when there is none", async () => {
  const { xl } = fakeXen(folder.path);
  const config = { ...testConfig(folder.path, xl), defaultBridge: "none-such0" };
  expect(await said(config, driver(xl))).toMatch(
    /^warning: There is no network device "none-such0", which the settings name as the bridge: /m,
  );
});

test("checkHost() tells a certificate that holds from tomorrow on, and one that ended yesterday, with what the clock says", async () => {
  const { xl } = fakeXen(folder.path);
  const config = testConfig(folder.path, xl);
  const authority = await TestAuthority.create();
  const at = (ms: number) => new Date(Math.floor((Date.now() + ms) / 1000) * 1000);
  const dayMs = 86_400_000;
  mkdirSync(join(config.stateDir, "identity"), { recursive: true });
  const keep = (identity: Identity) =>
    writeFileSync(join(config.stateDir, "identity", "identity.json"), JSON.stringify(identity));
  const startsAt = at(dayMs);
  keep(await authority.hostIdentity("xen1", { startsAt }));
  expect(await said(config, driver(xl))).toMatch(
    new RegExp(
      `^error: The host's certificate holds from ${startsAt.toISOString()} on, and this host's clock says [^ ]+: Put the clock right`,
      "m",
    ),
  );
  const endsAt = at(-dayMs);
  keep(await authority.hostIdentity("xen1", { startsAt: at(-2 * dayMs), endsAt }));
  expect(await said(config, driver(xl))).toMatch(
    new RegExp(`^error: The host's certificate ended at ${endsAt.toISOString()}, and .*enrol again`, "m"),
  );
});

test.skipIf(process.getuid?.() !== 0)("checkHost() names a store that is on a read-only file system", async () => {
  const { xl } = fakeXen(folder.path);
  const config = testConfig(folder.path, xl);
  mkdirSync(config.storeDir);
  execFileSync("mount", ["-t", "tmpfs", "-o", "ro,size=1m", "convirt-test", config.storeDir]);
  try {
    expect(await said(config, driver(xl))).toContain(
      `error: ${config.storeDir} is on a file system that is read-only: See why (dmesg)`,
    );
  } finally {
    execFileSync("umount", ["--lazy", config.storeDir]);
  }
});

test("lacking() gives an advice with everything that it finds", async () => {
  const { xl } = fakeXen(folder.path);
  const found = await lacking({ ...testConfig(folder.path, xl), defaultBridge: "" });
  for (const one of found) expect(one.advice, one.what).not.toBe("");
});

test.each([
  ["18.16.1", 1],
  ["16.20.0", 1],
  ["18.17.0", 0],
  ["20.19.0", 0],
])("checkNode() judges Node.js %s", (version, faults) => {
  expect(checkNode(version)).toHaveLength(faults);
});

test("gatherFacts() says what it knows before the toolstack has answered, and more after it; the digest tells", async () => {
  const { xl } = fakeXen(folder.path);
  const sources = { config: testConfig(folder.path, xl), toolstack: "xl", problems: ["There is no xyz"] } as const;
  const before = gatherFacts({ ...sources, answered: undefined });
  expect(before).toMatchObject({
    xenVersion: "",
    sysname: "Linux",
    defaultBridge: "xenbr0",
    problems: ["There is no xyz"],
  });
  expect(before.bootId).toMatch(/^[0-9a-f-]{36}$/);
  expect(before.bridges).toContain("xenbr0");
  const after = gatherFacts({ ...sources, answered: await driver(xl).info(never) });
  expect(after).toMatchObject({ hostname: "fakehost", xenVersion: "4.17.7", cpus: 4, memoryMib: 16_384n });
  expect(digestOf(after)).not.toBe(digestOf(before));
  expect(digestOf(after)).toBe(digestOf({ ...after }));
});

test("freeBytes() answers for a folder that is not there yet", async () => {
  expect(await freeBytes(join(folder.path, "a", "b"))).toBeGreaterThan(0);
});
