// What a host says before anything is touched: each refusal by its code, in the words that a person reads, and the same for a dry run and a job.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Outcome, Phase, type ProvisionSpec } from "@convirt/proto/provision";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf, TestHost } from "./testing.js";

let host: TestHost;
beforeEach(async () => {
  host = await new TestHost((config) => ({
    policy: { ...config.policy, forbiddenKeys: ["pci"], diskRoots: [join(config.stateDir, "..", "disks")] },
  })).up();
  host.image("Plain", "true");
});
afterEach(() => host.remove());

/** Without a disk, and with its configuration where the host allows it. */
function plain(vm = "web", more: Partial<ProvisionSpec> & { disks?: string[] } = {}): ProvisionSpec {
  const spec = host.spec("Plain", vm, more);
  return { ...spec, imageConf: spec.imageConf.replace("/configs'", "/disks'") };
}

/** `code: message` of each. */
async function refusals(spec: ProvisionSpec): Promise<string[]> {
  return (await host.check(spec)).refusals.map(({ code, message }) => `${code}: ${message}`);
}

async function domainRuns(name: string): Promise<void> {
  const config = join(host.path, `${name}.cfg`);
  writeFileSync(config, `name="${name}"\nmemory=32\ntype="pvh"\nkernel="/bin/sh"\n`);
  execFileSync(host.xen.xl, ["create", config], { stdio: "pipe" });
}

test("a host that would take the request says nothing against it", async () => {
  expect(await refusals(plain())).toEqual([]);
});

test("vm_name_taken: a domain of that name runs, or a job under way makes one", async () => {
  await domainRuns("web");
  expect(await refusals(plain())).toEqual([
    'vm_name_taken: Cannot provision "web": a domain of that name runs on this host',
  ]);
  const gated = host.image("Gated", 'touch "$disks/begun"; until [ -e "$disks/gate" ]; do sleep 0.02; done');
  await host.start({ ...plain("db"), image: gated });
  await host.appears("disks/begun");
  expect(await refusals(plain("db"))).toEqual([
    'vm_name_taken: Cannot provision "db": a job under way makes a VM of that name',
  ]);
  writeFileSync(join(host.path, "disks", "gate"), "");
});

test("disk_outside_roots: a disk, or the configuration, lies where the host allows none", async () => {
  const roots = join(host.path, "disks");
  expect(await refusals(plain("web", { disks: ["/home/web.img"] }))).toEqual([
    `disk_outside_roots: The disk /home/web.img lies outside of the folders that this host allows: ${roots}`,
  ]);
  expect(await refusals(host.spec("Plain", "web"))).toEqual([
    `disk_outside_roots: Cannot write the configuration to ${host.path}/configs/web: this host allows ${roots}, /etc/xen, /var/cache/convirt`,
  ]);
});

test("disk_exists: a disk that the script is to make is there, or is being made, unless it may be replaced", async () => {
  const path = join(host.path, "disks", "web.img");
  writeFileSync(path, "");
  const spec = plain("web", { disks: ["web.img"] });
  expect(await refusals(spec)).toEqual([
    `disk_exists: The disk ${path} exists already, and the request does not say that disks may be replaced`,
  ]);
  expect(await refusals({ ...spec, replaceDisks: true })).toEqual([]);
  const gated = host.image("Gated", 'touch "$disks/begun"; until [ -e "$disks/gate" ]; do sleep 0.02; done');
  await host.start({ ...plain("other", { disks: ["web.img"] }), image: gated, replaceDisks: true });
  await host.appears("disks/begun");
  expect(await refusals({ ...spec, replaceDisks: true })).toEqual([
    `disk_exists: The disk ${path} is being made by another job`,
  ]);
  writeFileSync(join(host.path, "disks", "gate"), "");
});

test("forbidden_key: the configuration sets what the host's policy forbids", async () => {
  const spec = plain();
  expect(await refusals({ ...spec, vmConf: `${spec.vmConf}pci=['01:00.0']\n` })).toEqual([
    `forbidden_key: The VM configuration sets "pci", which this host's policy forbids`,
  ]);
});

test("no_such_bridge, config_invalid: a network card names a bridge that is not there, or cannot be read", async () => {
  const spec = plain();
  const withCard = (card: string) => refusals({ ...spec, vmConf: `${spec.vmConf}vif=['${card}']\n` });
  const [bridge] = await withCard("bridge=none-such0");
  expect(bridge).toMatch(/^no_such_bridge: There is no bridge "none-such0" on this host; there are: .*xenbr0/);
  expect(await withCard("bridge=xenbr0")).toEqual([]);
  const [unreadable] = await withCard("mac=nonsense");
  expect(unreadable).toBe('config_invalid: The network entry "mac=nonsense" cannot be used');
});

test("not_enough_memory: a VM that is to start wants more than is free", async () => {
  const spec = { ...plain(), start: true };
  const large = { ...spec, vmConf: spec.vmConf.replace("memory=32", "memory=999999") };
  const [said, ...others] = await refusals(large);
  expect(said).toMatch(/^not_enough_memory: Cannot start "web": \d+ MiB of memory are free, 999999 MiB are wanted$/);
  expect(others).toEqual([]);
  expect(await refusals({ ...large, start: false })).toEqual([]);
});

test.skipIf(process.getuid?.() !== 0)("no_space: a place of the job is full or read-only", async () => {
  const small = join(host.path, "disks", "small");
  mkdirSync(small);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "convirt-test", small]);
  try {
    const spec = plain("web", { disks: ["small/web.img"] });
    expect(await refusals(spec)).toEqual([
      expect.stringMatching(`^no_space: Cannot write below ${small}: \\d+ bytes are free, 1048576 are wanted$`),
    ]);
    execFileSync("mount", ["-o", "remount,ro", small]);
    expect(await refusals(spec)).toEqual([`no_space: Cannot write below ${small}: it is read-only`]);
    expect((await host.run(spec)).ended).toMatchObject({ code: "no_space", phase: Phase.CHECK });
  } finally {
    execFileSync("umount", ["--lazy", small]);
  }
});

test("a job that its host would refuse fails in check, and nothing of it was touched", async () => {
  const { ended, log } = await host.run(plain("web", { disks: ["/home/web.img"] }));
  expect(ended).toMatchObject({ outcome: Outcome.FAILED, code: "check_failed", phase: Phase.CHECK, leftovers: [] });
  expect(ended.message).toContain("/home/web.img lies outside of the folders");
  expect(log).toBe("");
});

test("what no plan can be made of is refused by a dry run, and by Start with its code", async () => {
  const spec = plain("web", { vmConf: "disk=['file:/a,xvda,w,x,y']\n" });
  expect(await refusals(spec)).toEqual([expect.stringMatching(/^disk_invalid: The disk "file:\/a,xvda,w,x,y"/)]);
  expect(await codeOf(host.start(spec))).toBe("disk_invalid");
  expect(await codeOf(host.start({ ...plain(), timeoutMs: 3_600_000 }))).toBe("timeout_too_long");
});
