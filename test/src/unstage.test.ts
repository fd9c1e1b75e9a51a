// What is removed from a host is gone from it and from nowhere else, is brought back by the next job, and is not removed under whoever needs it.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startInstallation, type TestInstallation } from "./testing.js";

let t: TestInstallation;
const imageConf = "VM_CONF_DIR='/c'\n";
const vmConf = "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\n";
const gated = `#!/bin/bash\necho begun\nuntil [ -e "$CONVIRT_STORE/../gate" ]; do sleep 0.05; done\n`;

beforeAll(async () => {
  t = await startInstallation(["xen1"]);
  await t.addImage("Plain", { script: "#!/bin/bash\nexit 0\n", imageConf, vmConf });
  await t.addImage("Gated", { script: gated, imageConf, vmConf });
}, 240_000);
afterAll(() => t.stop());

const store = () => join(t.installation.host("xen1").folder, "store");
const provision = (image: string, vm: string) => {
  const places = { VM_CONF_DIR: t.installation.places("xen1")["VM_CONF_DIR"] ?? "" };
  return t.installation.client.call("provision", { body: { image, host: "xen1", vm, imageConf: places } });
};
const unstage = (image: string) =>
  t.installation.client.call("removeStaged", {
    params: { name: "xen1", image },
    headers: { "convirt-reason": "room" },
  });
const staged = async () =>
  (await t.installation.client.call("listStaged", { params: { name: "xen1" } })).items.map(({ name }) => name);

test("an image is removed from a host, by whom and why is in the audit, and the next job brings it back", async () => {
  const { client } = t.installation;
  await client.ended((await provision("Plain", "first")).id);
  const answer = await unstage("Plain");
  expect(answer).toMatchObject({ host: "xen1", image: "Plain" });
  expect(answer.freedBytes).toBeGreaterThan(0);
  expect(existsSync(join(store(), "Plain"))).toBe(false);
  expect(await staged()).toEqual(["common", "custom_scripts"]);
  expect(existsSync(join(t.store, "Plain/provision.sh"))).toBe(true);
  const { items } = await client.call("listAudit", { query: { action: "removeStaged", perPage: 1 } });
  expect(items).toMatchObject([{ username: "admin", objects: ["host xen1", "image Plain"], reason: "room" }]);

  let sent = 0;
  const again = await provision("Plain", "second");
  for await (const event of client.events(again.id)) if (event.kind === "staging") sent += event.bytesTotal;
  expect(sent).toBeGreaterThan(0);
  expect(await client.call("showJob", { params: { id: again.id } })).toMatchObject({ status: "succeeded" });
  expect(await staged()).toContain("Plain");
});

test("an image that a job under way uses stays, the job is named, and its script goes on to its end", async () => {
  const { client } = t.installation;
  const { id } = await provision("Gated", "gated");
  for await (const event of client.events(id)) if (event.kind === "log") break;
  await expect(unstage("Gated")).rejects.toMatchObject({
    status: 409,
    code: "image_in_use",
    message: expect.stringContaining(`job ${id} is under way`),
  });
  // An agent that was started anew knows it too.
  await t.installation.stopAgent("xen1", "SIGKILL");
  await t.installation.restartAgent("xen1");
  await t.installation.inContact("xen1");
  await expect.poll(() => unstage("Gated").catch(({ code }) => code), { timeout: 60_000 }).toBe("image_in_use");
  mkdirSync(join(store(), "../gate"));
  expect(await client.ended(id)).toMatchObject({ status: "succeeded" });
  await unstage("Gated");
  expect(existsSync(join(store(), "Gated"))).toBe(false);
});

test("an image of which a VM's configuration names a file stays until the VM is removed", async () => {
  const { client } = t.installation;
  const kernel = join(store(), "Boots", "vmlinuz");
  await t.addImage("Boots", { script: "#!/bin/bash\nexit 0\n", imageConf, vmConf: `${vmConf}kernel='${kernel}'\n` });
  writeFileSync(join(t.store, "Boots", "vmlinuz"), "a kernel");
  await client.call("scanImages");
  expect(await client.ended((await provision("Boots", "boots")).id)).toMatchObject({ status: "succeeded" });
  await expect(unstage("Boots")).rejects.toMatchObject({ code: "image_in_use", body: { details: { vms: ["boots"] } } });
  expect(existsSync(kernel)).toBe(true);
  await client.call("removeVm", { params: { id: "boots" } });
  expect((await unstage("Boots")).freedBytes).toBeGreaterThan(0);
});

test("what all images use, what is not staged, and what leads out of the store is refused, and nothing is touched", async () => {
  writeFileSync(join(store(), "../precious"), "x");
  for (const name of ["common", "custom_scripts"])
    await expect(unstage(name)).rejects.toMatchObject({ code: "bad_request" });
  await expect(unstage("Plainer")).rejects.toMatchObject({ code: "not_found" });
  for (const path of ["..%2Fprecious", "%2E%2E%2Fprecious", "%2Fetc", "a%00b", ".convirt-parts", "x%0Ay"]) {
    const response = await fetch(`${t.installation.httpUrl}/api/v1/hosts/xen1/staged/${path}`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${t.installation.client.token}` },
    });
    expect([path, response.status]).toEqual([path, 400]);
  }
  expect(existsSync(join(store(), "../precious"))).toBe(true);
  expect(await staged()).toEqual(expect.arrayContaining(["Plain", "common", "custom_scripts"]));
});

test("what a removal that was cut left is deleted when the agent is started", async () => {
  const left = join(store(), ".convirt-removed", "Plain-0123456789abcdef");
  mkdirSync(left, { recursive: true });
  writeFileSync(join(left, "disk.raw"), "x");
  await t.installation.stopAgent("xen1", "SIGKILL");
  await t.installation.restartAgent("xen1");
  expect(existsSync(left)).toBe(false);
  await t.installation.inContact("xen1");
});
