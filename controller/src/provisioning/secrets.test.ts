import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TestController } from "../testing.js";
import { enrolHost, jobIs, type TestHost } from "../testing-jobs.js";

const secret = "corr3ct horse's";
let controller: TestController;
let token: string;
let agent: TestHost;

beforeEach(async () => {
  controller = await TestController.start();
  token = await controller.tokenFor("admin");
  const store = join(controller.folder, "store");
  for (const tree of ["common", "custom_scripts", "Tiny"]) mkdirSync(join(store, tree), { recursive: true });
  writeFileSync(
    join(store, "Tiny", "image.conf"),
    "root_pw=''\nurl='https://x/?p=$root_pw'\nsecret_options=['root_pw']\n",
  );
  writeFileSync(
    join(store, "Tiny", "vm_conf.template"),
    "name=''\nmemory=256\ndisk=[]\nextra='pw=$root_pw'\nvncpasswd='the default one'\nsecret_options=['vncpasswd']\n",
  );
  writeFileSync(join(store, "Tiny", "provision.sh"), "#!/bin/bash\ntrue\n", { mode: 0o755 });
  await controller.call("POST", "/images/scan", { token });
  agent = await enrolHost(controller, token, "xen1");
});
afterEach(async () => {
  await controller.end();
  agent.kill();
});

const body = (vm: string) => ({ image: "Tiny", host: "xen1", vm, imageConf: { root_pw: secret }, reason: "try" });
const forms = [
  secret,
  "the default one",
  Buffer.from(secret).toString("base64"),
  encodeURIComponent(secret),
  "corr3ct",
];

/** All that the database holds, as text. */
async function database(): Promise<string> {
  const tables = (await controller.get(DataSource).query("SELECT name FROM sqlite_master WHERE type = 'table'")) as {
    name: string;
  }[];
  const rows = await Promise.all(tables.map(({ name }) => controller.get(DataSource).query(`SELECT * FROM "${name}"`)));
  return JSON.stringify(rows, (_key, value: unknown) => (Buffer.isBuffer(value) ? value.toString("latin1") : value));
}

function expectNone(text: string): void {
  for (const form of forms) expect(text).not.toContain(form);
}

describe("the value of a secret option", () => {
  test("reaches the host, and is in no answer, event, record or row, before the job has ended and after", async () => {
    const made = await controller.call("POST", "/jobs", { token, body: body("slow") });
    expect(made.status).toBe(202);
    const { id } = made.body;
    await jobIs(controller, token, id, ({ status }) => status === "running");
    const [spec] = agent.started;
    expect(spec?.secrets).toEqual([secret, "the default one"]);
    expect(spec?.imageConf).toContain("corr3ct horse");
    expect(spec?.vmConf).toContain("pw=corr3ct horse");
    expectNone(await database());
    await controller.call("POST", `/jobs/${id}/cancel`, { token });
    await jobIs(controller, token, id, ({ status }) => status === "cancelled");
    expectNone(await database());
    const answers = await Promise.all(
      [`/jobs/${id}`, "/jobs", `/jobs/${id}/events`, "/audit", "/images/Tiny", "/vms"].map((path) =>
        controller.call("GET", path, { token }),
      ),
    );
    for (const answer of answers) expectNone(JSON.stringify(answer.body));
    const shown = answers[0]?.body;
    expect(shown).toMatchObject({ request: { imageConf: {} }, secretNames: { imageConf: ["root_pw"], vmConf: [] } });
    expect(answers[4]?.body.options.find(({ name }: { name: string }) => name === "root_pw")).toMatchObject({
      secret: true,
      default: "",
    });
  });

  test("is not in the record of the VM, and the job's sealed copy goes when the job ends", async () => {
    const { id } = (await controller.call("POST", "/jobs", { token, body: body("shop") })).body;
    await jobIs(controller, token, id, ({ status }) => status === "succeeded");
    const vm = (await controller.call("GET", "/vms/shop", { token })).body;
    expect(vm.imageConf).toMatchObject({ root_pw: "(secret)", url: "https://x/?p=$root_pw" });
    expect(vm.vmConf).toMatchObject({ extra: "pw=(secret)", vncpasswd: "(secret)" });
    expectNone(JSON.stringify(vm));
    expect(await controller.get(DataSource).query("SELECT sealed FROM jobs")).toEqual([{ sealed: null }]);
  });

  test("is not shown by a preview, nor by a refusal that would repeat it", async () => {
    const preview = await controller.call("POST", "/jobs/dry-run", { token, body: body("shop") });
    expect(preview.status).toBe(200);
    expectNone(JSON.stringify(preview.body));
    expect(preview.body.files[0].text).toContain("root_pw = '(secret)'");
    const list = await controller.call("POST", "/jobs", {
      token,
      body: { ...body("x1"), imageConf: { root_pw: [secret] } },
    });
    expect(list.body.code).toBe("option_invalid");
    expectNone(JSON.stringify(list.body));
    const malformed = await controller.call("POST", "/jobs", { token, body: { ...body("x1"), colour: "red" } });
    expect(malformed.body.code).toBe("invalid_body");
    expectNone(await database());
  });

  test("is given again for a retry, and nothing else is taken with it", async () => {
    const { id } = (await controller.call("POST", "/jobs", { token, body: body("slow") })).body;
    await jobIs(controller, token, id, ({ status }) => status === "running");
    await controller.call("POST", `/jobs/${id}/cancel`, { token });
    await jobIs(controller, token, id, ({ status }) => status === "cancelled");
    const without = await controller.call("POST", `/jobs/${id}/retry`, { token });
    expect(without.body).toMatchObject({ code: "secrets_needed", fields: [{ path: "root_pw" }] });
    const again = { imageConf: { root_pw: "another secret", url: "https://evil/" } };
    const retried = await controller.call("POST", `/jobs/${id}/retry`, { token, body: again });
    expect(retried.status).toBe(202);
    await jobIs(controller, token, retried.body.id, ({ status }) => status === "running");
    expect(agent.started[1]?.secrets).toContain("another secret");
    expect(agent.started[1]?.imageConf).not.toContain("evil");
    expect(await database()).not.toContain("another secret");
  });

  test("is too short to be kept below six characters", async () => {
    const answer = await controller.call("POST", "/jobs", {
      token,
      body: { ...body("x1"), imageConf: { root_pw: "12345" } },
    });
    expect(answer.body).toMatchObject({ code: "option_invalid", fields: [{ path: "root_pw" }] });
  });

  test("goes to no agent that could not hide it", async () => {
    const old = await enrolHost(controller, token, "xen2", { features: ["staging.chunks"] });
    const answer = await controller.call("POST", "/jobs", { token, body: { ...body("x1"), host: "xen2" } });
    expect(answer.body.code).toBe("agent_too_old");
    expect(old.started).toEqual([]);
    old.kill();
  });
});

test("the file on the store is the author's own, and is not touched", () => {
  expect(readFileSync(join(controller.folder, "store", "Tiny", "vm_conf.template"), "utf8")).toContain(
    "the default one",
  );
});
