// The value of a secret option after its job has ended: in the names of what the job left, in a VM's disks, in what cleaning, starting and removing say. Real agents,
// real scripts; at the end the whole of what the controller wrote is searched.
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { preamble, startInstallation, type TestInstallation } from "./testing.js";

let t: TestInstallation;
const secret = "S3cret&in-a-name~";
const forms = [
  secret,
  Buffer.from(secret).toString("base64").slice(0, 20),
  Buffer.from(`x${secret}`).toString("base64").slice(2, 20),
  encodeURIComponent(secret),
];
const stars = "*".repeat(secret.length);

beforeAll(async () => {
  t = await startInstallation(["xen1"]);
  const imageConf = `VM_DISKS_DIR='/vm_disks'\nVM_CONF_DIR='/vm_configs'\npassword=''\nsecret_options=['password']\n`;
  const vmConf =
    "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\nextra='pw=$password'\ndisk=['file:$VM_DISKS_DIR/$VM_NAME-$password.img,xvda,w']\n";
  const disks = `mkdir -p "$VM_DISKS_DIR" && cd "$VM_DISKS_DIR" && truncate -s 1M "$CONVIRT_VM_NAME-$password.img"`;
  await t.addImage("Betrays", {
    ...{ imageConf, vmConf },
    script: `${preamble}${disks}
touch "$CONVIRT_VM_NAME-$(printf %s "$password" | base64 -w0 | tr / _).raw" "$CONVIRT_VM_NAME-$(printf x%s "$password" | base64 -w0 | tr / _).raw"
touch "$CONVIRT_VM_NAME-\${password//&/%26}" "$CONVIRT_VM_NAME.changed-$password"
setsid bash -c 'sleep 600; true' "$password" &
exit 3
`,
  });
  await t.addImage("Works", { imageConf, vmConf, script: `${preamble}${disks}\n` });
}, 240_000);
afterAll(() => t.stop());

async function provision(image: string, vm: string) {
  const imageConf = { ...t.installation.places("xen1"), password: secret };
  const { id } = await t.installation.client.call("provision", { body: { image, host: "xen1", vm, imageConf } });
  return await t.installation.client.ended(id);
}

function expectNone(text: string): void {
  for (const form of forms) expect(text).not.toContain(form);
}

/** What the agent keeps to hide by. */
const keptOnHost = () => readdirSync(join(t.installation.host("xen1").folder, "state", "secrets"));

/** Every file that the controller and its database wrote, and both programs' logs. */
function written(): string {
  const folder = join(t.folder, "controller");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  expect(files.map(({ name }) => name)).toContain("convirt.db");
  const logs = [join(t.folder, "controller.log"), join(t.installation.host("xen1").folder, "agent.log")];
  return [...files.map(({ parentPath, name }) => join(parentPath, name)), ...logs]
    .map((path) => readFileSync(path, "latin1"))
    .join("\n");
}

test("what a failed job left is listed and cleaned under names without the secret, also by an agent that was started anew, and then the host forgets it", async () => {
  const { client } = t.installation;
  const { VM_DISKS_DIR: disks = "" } = t.installation.places("xen1");
  mkdirSync(disks, { recursive: true });
  const ended = await provision("Betrays", "web");
  expect(ended).toMatchObject({ status: "failed", code: "script_failed" });
  const paths = ended.leftovers.map(({ path }) => path);
  expect(paths).toContain(`${disks}/web-${stars}.img`);
  expect(ended.leftovers.map(({ detail }) => detail)).toContain(`bash -c sleep 600; true ${stars}`);
  expectNone(JSON.stringify(ended));
  expect(keptOnHost()).toEqual([`${ended.vmUuid}.json`]);

  const changed = join(disks, `web.changed-${secret}`);
  writeFileSync(join(disks, "new"), "another's");
  renameSync(join(disks, "new"), changed);
  await t.installation.stopAgent("xen1");
  await t.installation.restartAgent("xen1");
  await t.installation.inContact("xen1");
  const first = await client.call("cleanJob", { params: { id: ended.id } });
  expect(first.kept).toMatchObject([
    { code: "changed", path: `${disks}/web.changed-${stars}`, message: expect.stringContaining(stars) },
  ]);
  expect(first.cleaned).toHaveLength(ended.leftovers.length - 1);
  expect(keptOnHost()).toHaveLength(1);
  renameSync(changed, join(t.folder, "aside"));
  const second = await client.call("cleanJob", { params: { id: ended.id } });
  expect([second.cleaned.length, second.kept.length]).toEqual([1, 0]);
  expect(keptOnHost()).toEqual([]);
  const third = await client.call("cleanJob", { params: { id: ended.id } });
  expect([third.cleaned.length, third.kept.length]).toEqual([0, 0]);
  expectNone(JSON.stringify([first, second, third]));
  const events = [];
  for await (const event of client.events(ended.id)) events.push(event);
  const detail = await client.call("showJob", { params: { id: ended.id } });
  expect(detail.leftovers).toEqual([]);
  expect(detail.cleaned).toHaveLength(ended.leftovers.length);
  expectNone(JSON.stringify([events, detail, await client.call("listAudit", { query: { perPage: 200 } })]));
  expectNone(written());
}, 120_000);

test("a VM whose disk is named by a secret is started, refused, read and removed without a word of it", async () => {
  const { client } = t.installation;
  const { folder } = t.installation.host("xen1");
  const ended = await provision("Works", "shop");
  expect(ended).toMatchObject({ status: "succeeded" });
  expectNone(JSON.stringify(ended));
  const params = { id: "shop" };
  const xl = join(folder, "bin", "xl");
  const plain = readFileSync(xl, "utf8");
  const no = `case " $* " in *" create "*) echo "libxl: error: cannot open shop-${secret}.img" >&2; exit 3 ;; esac\n`;
  writeFileSync(xl, plain.replace("#!/bin/sh\n", `#!/bin/sh\n${no}`));
  const refused = await client.call("startVm", { params }).catch((error: Error) => error);
  writeFileSync(xl, plain);
  expect(refused).toMatchObject({ code: "action_failed", message: expect.stringContaining(`shop-${stars}.img`) });
  expect(keptOnHost()).toEqual([`${ended.vmUuid}.json`]);
  const removed = await client.call("removeVm", { params, query: { disks: true } });
  expect(removed.removed).toContainEqual(expect.stringContaining(`shop-${stars}.img`));
  expect(keptOnHost()).toEqual([]);
  expectNone(JSON.stringify([removed, await client.call("listAudit", { query: { perPage: 200 } })]));
  expectNone(written());
}, 120_000);
