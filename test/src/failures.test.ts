// Jobs that fail after work had begun, as the one who asked sees them: the code, the phase, and words that say what was found.
import { existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startInstallation, type TestInstallation } from "./testing.js";

const bare = { imageConf: "VM_CONF_DIR='/c'\n", vmConf: "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\n" };
let t: TestInstallation;
beforeAll(async () => {
  t = await startInstallation(["xen1"]);
}, 240_000);
afterAll(() => t.stop());

async function provision(image: string, vm: string, more: { start?: boolean } = {}): Promise<string> {
  const imageConf = { VM_CONF_DIR: t.installation.places("xen1")["VM_CONF_DIR"] ?? "" };
  return (await t.installation.client.call("provision", { body: { image, host: "xen1", vm, imageConf, ...more } })).id;
}

test("staging_failed: the image was changed between the request and its turn", async () => {
  const gated = `#!/bin/bash\necho begun\nuntil [ -e "$CONVIRT_STORE/../gate" ]; do sleep 0.05; done\n`;
  await t.addImage("Gated", { script: gated, ...bare });
  await t.addImage("Changing", { script: "#!/bin/bash\necho before\n", ...bare });
  const before = [await provision("Gated", "one"), await provision("Gated", "two")];
  for (const id of before) for await (const event of t.installation.client.events(id)) if (event.kind === "log") break;
  const id = await provision("Changing", "three");
  writeFileSync(join(t.store, "Changing", "provision.sh"), "#!/bin/bash\necho after\n", { mode: 0o755 });
  await t.installation.client.call("scanImages");
  writeFileSync(join(t.installation.host("xen1").folder, "gate"), "");
  expect(await t.installation.client.ended(id)).toMatchObject({
    ...{ status: "failed", code: "staging_failed", phase: "stage", logBytes: 0 },
    message: 'Cannot stage "Changing" on xen1: it changed since the request',
  });
  for (const one of before) await t.installation.client.ended(one);
}, 120_000);

test("timed_out: the script ran longer than its image allows, and was ended with all that it started", async () => {
  const imageConf = `${bare.imageConf}provision_timeout=1\n`;
  await t.addImage("Slow", { script: "#!/bin/bash\nsleep 600 & wait\n", ...bare, imageConf });
  expect(await t.installation.client.ended(await provision("Slow", "slow"))).toMatchObject({
    ...{ status: "failed", code: "timed_out", phase: "script", leftovers: [] },
    message: "provision.sh ran for 1 s, as long as it may, and was ended",
  });
}, 120_000);

test("toolstack_failed: xl would not start what was made; its words are in the message, and the VM is not left behind", async () => {
  await t.addImage("Plain", { script: "#!/bin/bash\ntrue\n", ...bare });
  // This xl agrees to a dry run, and makes nothing.
  const xl = join(t.installation.host("xen1").folder, "bin", "xl");
  const plain = readFileSync(xl, "utf8");
  const no = `case " $* " in *" -n "*) ;; *" create "*) echo "libxl: error: out of grant frames" >&2; exit 3 ;; esac\n`;
  writeFileSync(xl, plain.replace("#!/bin/sh\n", `#!/bin/sh\n${no}`));
  try {
    const ended = await t.installation.client.ended(await provision("Plain", "grants", { start: true }));
    expect(ended).toMatchObject({ status: "failed", code: "toolstack_failed", phase: "start" });
    expect(ended.message).toContain("libxl: error: out of grant frames");
  } finally {
    writeFileSync(xl, plain);
  }
}, 120_000);

test("vm_not_on_host: a VM that does not run cannot be paused", async () => {
  const { client } = t.installation;
  const made = await client.ended(await provision("Plain", "still"));
  expect(made.status).toBe("succeeded");
  await expect(client.call("pauseVm", { params: { id: "still" } })).rejects.toMatchObject({
    ...{ status: 409, code: "vm_not_on_host" },
    message: expect.stringContaining('Cannot act on "still": it does not run on this host'),
  });
}, 120_000);

test("staging_failed: a file was changed with its length and time kept, and its very bytes are not what was asked for", async () => {
  const gate = join(t.installation.host("xen1").folder, "gate");
  rmSync(gate, { force: true });
  await t.addImage("Swapped", { script: "#!/bin/bash\necho before\n", ...bare });
  const before = [await provision("Gated", "four"), await provision("Gated", "five")];
  for (const id of before) for await (const event of t.installation.client.events(id)) if (event.kind === "log") break;
  const id = await provision("Swapped", "six");
  // Of the same length and time: nobody looks at the file again before it is sent.
  const path = join(t.store, "Swapped", "provision.sh");
  const { atime, mtime } = statSync(path);
  writeFileSync(path, "#!/bin/bash\necho behind\n".slice(0, statSync(path).size), { mode: 0o755 });
  utimesSync(path, atime, mtime);
  writeFileSync(gate, "");
  const ended = await t.installation.client.ended(id);
  expect(ended).toMatchObject({ status: "failed", code: "staging_failed", phase: "stage", logBytes: 0 });
  expect(ended.message).toMatch(/^Cannot stage "(Swapped|provision\.sh)".*changed since/);
  for (const one of before) await t.installation.client.ended(one);
}, 120_000);

/** A host whose memory spoils large pieces of what it gets, as its agent then sees them. */
const spoiled = `
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
const { createHash } = crypto;
crypto.createHash = (...words) => {
  const hash = createHash(...words);
  const update = hash.update.bind(hash);
  hash.update = (data) => {
    if (data.length < 262144) return update(data);
    const copy = Buffer.from(data);
    copy[0] ^= 1;
    return update(copy);
  };
  return hash;
};
syncBuiltinESMExports();
`;

test("digest_mismatch: a host that gets other bytes than were sent puts nothing in place, and says so", async () => {
  const memory = join(t.folder, "spoiled.mjs");
  writeFileSync(memory, spoiled);
  await t.installation.addHost("bad", { launcher: { environment: { NODE_OPTIONS: `--import=${memory}` } } });
  await t.addImage("Large", { script: "#!/bin/bash\ntrue\n", ...bare });
  writeFileSync(join(t.store, "Large", "disk"), Buffer.alloc(300_000, "bytes"));
  await t.installation.client.call("scanImages");
  const { client } = t.installation;
  const imageConf = { VM_CONF_DIR: t.installation.places("bad")["VM_CONF_DIR"] ?? "" };
  const { id } = await client.call("provision", { body: { image: "Large", host: "bad", vm: "large", imageConf } });
  expect(await client.ended(id)).toMatchObject({
    ...{ status: "failed", code: "digest_mismatch", phase: "stage", logBytes: 0, leftovers: [] },
    message: expect.stringMatching(/Chunk 0 is not what was promised: it has the SHA-256 [0-9a-f]{64}$/),
  });
  expect(existsSync(join(t.installation.host("bad").folder, "store", "Large"))).toBe(false);
}, 120_000);
