// What a script is handed, as it finds it on the disk; and what becomes of an earlier job's files of the same names.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Outcome } from "@convirt/proto/provision";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TestHost } from "../provision/testing.js";

let host: TestHost;
beforeEach(async () => {
  host = await new TestHost().up();
});
afterEach(() => host.remove());

const at = (...parts: string[]) => readFileSync(join(host.path, ...parts), "utf8");

test("a script is called with its files by flags, and finds in them what was sent, byte for byte", async () => {
  const spec = host.spec(host.image("Tiny", 'printf "%s\\n" "$@"; cat "$2" "${12}"; wc -c <"$4"'), "web");
  const { log } = await host.run(spec);
  const logs = join(host.path, "logs", "Tiny");
  const words = [
    ...["-x", `${logs}/Tiny_web_vm.conf`, "-p", `${logs}/Tiny_web.args`, "-s", join(host.path, "store")],
    ...["-i", "Tiny", "-l", `${logs}/Tiny_web.log`, "-c", `${logs}/Tiny_web_image.conf`],
  ];
  expect(log).toBe(`${words.join("\n")}\n${spec.vmConf}${spec.imageConf}0\n`);
  expect(at("logs", "Tiny", "Tiny_web.log")).toBe(log);
});

test("a script's environment names its job, and holds nothing of the agent's", async () => {
  const spec = host.spec(host.image("Tiny", "env | sort"), "web", { replaceDisks: true });
  process.env["CONVIRT_TEST_SECRET"] = "x";
  const { log } = await host.run(spec);
  delete process.env["CONVIRT_TEST_SECRET"];
  const found = Object.fromEntries(
    log.split("\n").map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]),
  );
  expect(found).toMatchObject({
    ...{ CONVIRT_JOB_ID: spec.jobId, CONVIRT_VM_NAME: "web", CONVIRT_VM_UUID: spec.vmUuid, CONVIRT_IMAGE: "Tiny" },
    ...{ CONVIRT_STORE: join(host.path, "store"), CONVIRT_REPLACE_DISKS: "yes", CONVIRT_AGENT: "/bin/false" },
  });
  expect(found["CONVIRT_TEST_SECRET"]).toBeUndefined();
});

test("the options lie ready for a shell, beside the sum of the file that they were taken from", async () => {
  const spec = host.spec(host.image("Tiny", "true"), "web", { imageConf: `greeting = "it's $(id)"\nPATH = "/evil"\n` });
  await host.run({ ...spec, imageConf: `VM_CONF_DIR='${host.path}/configs'\n${spec.imageConf}` });
  const shell = join("state", "jobs", spec.jobId, "shell");
  expect(at(shell, "image_conf.sh")).toBe(`VM_CONF_DIR='${host.path}/configs'\ngreeting='it'\\''s $(id)'\n`);
  const path = join(host.path, "logs", "Tiny", "Tiny_web_image.conf");
  const sum = createHash("sha256").update(readFileSync(path)).digest("hex");
  expect(at(shell, "image_conf.sha256")).toBe(`${sum}  ${path}\n`);
});

test("files of an earlier job of the same names are kept under its id, and its log is still found", async () => {
  host.image("Tiny", "echo $CONVIRT_JOB_ID; exit 1");
  const [first, second] = [host.spec("Tiny", "web"), host.spec("Tiny", "web")];
  await host.run(first);
  await host.run(second);
  const logs = readdirSync(join(host.path, "logs", "Tiny"));
  expect(logs).toEqual(expect.arrayContaining(["Tiny_web.log", `Tiny_web.log.${first.jobId}`]));
  expect((await host.ended(first.jobId)).log).toBe(`${first.jobId}\n`);
  expect((await host.ended(second.jobId)).log).toBe(`${second.jobId}\n`);
});

test("a folder of logs that is a link is not followed", async () => {
  host.image("Tiny", "true");
  const elsewhere = join(host.path, "elsewhere");
  for (const folder of [elsewhere, join(host.path, "logs")]) mkdirSync(folder, { recursive: true });
  symlinkSync(elsewhere, join(host.path, "logs", "Tiny"));
  const { ended } = await host.run(host.spec("Tiny", "web"));
  expect(ended).toMatchObject({ outcome: Outcome.FAILED, code: "script_failed" });
  expect(ended.message).toBe(`Cannot write logs to ${host.path}/logs/Tiny: it is a link`);
  expect(readdirSync(elsewhere)).toEqual([]);
});

test("an image without provision.sh fails the job by name", async () => {
  host.image("Tiny", "true");
  rmSync(join(host.path, "store", "Tiny", "provision.sh"));
  const { ended } = await host.run(host.spec("Tiny", "web"));
  expect(ended).toMatchObject({
    code: "script_failed",
    message: 'The image "Tiny" has no provision.sh on this host',
  });
});

test("internal: what the agent did not reckon with ends the job, and the agent stays up", async () => {
  host.image("Tiny", "true");
  mkdirSync(join(host.path, "logs", "Tiny", "Tiny_web_image.conf"), { recursive: true });
  const { ended } = await host.run(host.spec("Tiny", "web"));
  expect(ended).toMatchObject({
    ...{ outcome: Outcome.FAILED, code: "internal", exitCode: -1 },
    message: "The agent met an error of its own; its log has it",
  });
  expect(existsSync(join(host.path, "configs", "web"))).toBe(false);
  expect((await host.run(host.spec("Tiny", "other"))).ended.outcome).toBe(Outcome.SUCCEEDED);
});
