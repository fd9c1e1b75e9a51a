import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TestController } from "../testing.js";
import { enrolHost, jobIs } from "../testing-jobs.js";

let controller: TestController;
let admin: string;
let author: string;

beforeEach(async () => {
  controller = await TestController.start();
  admin = await controller.tokenFor("admin");
  author = await controller.tokenFor("image_author");
  image("Plain", "name=''\nmemory=256\ndisk=[]\nkernel=''\n");
  image("Deep", "name=''\nmemory=256\ndisk=[]\npci=['01:00.0']\n");
  await controller.call("POST", "/images/scan", { token: admin });
});
afterEach(() => controller.end());

function image(name: string, vmConf: string): void {
  const store = join(controller.folder, "store");
  for (const tree of ["common", "custom_scripts", name]) mkdirSync(join(store, tree), { recursive: true });
  writeFileSync(join(store, name, "image.conf"), "size = 10\n");
  writeFileSync(join(store, name, "vm_conf.template"), vmConf);
  writeFileSync(join(store, name, "provision.sh"), "#!/bin/bash\ntrue\n", { mode: 0o755 });
}

const template = (name: string) => readFileSync(join(controller.folder, "store", name, "vm_conf.template"), "utf8");

async function save(name: string, change: (text: string) => string, token = author) {
  const path = `/images/${name}/files/vm_conf.template`;
  const { text, sha256 } = (await controller.call("GET", path, { token })).body;
  return await controller.call("PUT", path, { token, body: { text: change(text), sha256 } });
}

describe("an image author without raw_config", () => {
  test("saves what decides about the guest, and keeps what the image has already", async () => {
    expect((await save("Plain", (text) => text.replace("256", "512"))).status).toBe(200);
    expect((await save("Deep", (text) => text.replace("256", "512"))).status).toBe(200);
    expect((await save("Deep", (text) => text.replace("pci", "#pci"))).status).toBe(200);
  });

  test.each([
    ["a file is saved", () => save("Plain", (text) => `${text}bootloader='/tmp/x'\n`)],
    [
      "a file is saved by force",
      async () => {
        const path = "/images/Plain/files/vm_conf.template";
        const { text, sha256 } = (await controller.call("GET", path, { token: author })).body;
        const body = { text: `${text}pci=['1'\n`, sha256, force: true };
        return await controller.call("PUT", path, { token: author, body });
      },
    ],
    [
      "an option is set",
      () => {
        const body = { vmConf: { set: { kernel: "/etc/shadow" } } };
        return controller.call("PATCH", "/images/Plain/options", { token: author, body });
      },
    ],
    [
      "a setting is copied",
      () => controller.call("POST", "/images/Deep/create-like", { token: author, body: { name: "Plain2" } }),
    ],
  ] as const)("gives no image what reaches into hosts when %s, and nothing is written", async (_how, act) => {
    const before = template("Plain");
    const answer = await act();
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 403, code: "option_privileged" });
    expect(answer.body.message).toContain("raw_config");
    expect(template("Plain")).toBe(before);
    expect((await controller.call("GET", "/images/Plain2", { token: admin })).status).toBe(404);
  });

  test("imports no image that reaches into hosts; one who may does", async () => {
    const send = async (token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      const archive = await fetch(`${controller.url}/api/v1/images/Deep/export`, { headers });
      const body = await archive.arrayBuffer();
      const sent = { method: "POST", headers: { ...headers, "content-type": "application/octet-stream" }, body };
      const answer = await fetch(`${controller.url}/api/v1/images/import?name=New`, sent);
      return { status: answer.status, code: ((await answer.json()) as { code?: string }).code };
    };
    expect(await send(author)).toEqual({ status: 403, code: "option_privileged" });
    const scoped = await controller.tokenFor("image_author", "image:Deep");
    expect(await send(scoped)).toEqual({ status: 403, code: "forbidden" });
    expect((await send(admin)).status).toBe(201);
  });
});

test("a provisioner sets no value that reaches into the host, and a retry takes the same right", async () => {
  const agent = await enrolHost(controller, admin, "xen1");
  const provisioner = await controller.tokenFor("provisioner");
  const body = { image: "Plain", host: "xen1", vm: "shop", vmConf: { kernel: "/etc/shadow" } };
  for (const path of ["/jobs", "/jobs/dry-run"]) {
    const answer = await controller.call("POST", path, { token: provisioner, body });
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 403, code: "option_privileged" });
    expect(answer.body.fields).toEqual([{ path: "kernel", message: expect.stringContaining("raw_config") }]);
  }
  const raw = await controller.tokenFor("raw_config");
  const job = await controller.call("POST", "/jobs", { token: raw, body: { ...body, vm: "slow" } });
  expect(job.status).toBe(202);
  await jobIs(controller, admin, job.body.id, ({ status }) => status === "running");
  await controller.call("POST", `/jobs/${job.body.id}/cancel`, { token: raw });
  await jobIs(controller, admin, job.body.id, ({ status }) => status === "cancelled");
  const retried = await controller.call("POST", `/jobs/${job.body.id}/retry`, { token: provisioner });
  expect(retried.body.code).toBe("option_privileged");
  agent.kill();
});
