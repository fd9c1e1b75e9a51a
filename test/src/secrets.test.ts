// The value of a secret option on its whole way, with a real agent and a script that prints it as scripts do.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { preamble, startInstallation, type TestInstallation } from "./testing.js";

let t: TestInstallation;
const secret = "it's a S3cret/value";

beforeAll(async () => {
  t = await startInstallation(["xen1"]);
  await t.addImage("Secretive", {
    imageConf:
      "VM_DISKS_DIR='/vm_disks'\nVM_CONF_DIR='/vm_configs'\nroot_password=''\nsecret_options=['root_password']\n",
    script: `${preamble}
set -x
echo "the password is $root_password."
printf '%s' "$root_password" | base64
printf 'root:%s' "$root_password" | base64
set +x
printf 'not all at once: %s' "\${root_password:0:8}"
sleep 1
printf '%s\\n' "\${root_password:8}"
printf 'at the very end: %s' "\${root_password:0:8}"
exit 3
`,
  });
}, 240_000);
afterAll(() => t.stop());

test("a secret that a script prints is in the host's file, in no byte of the log that leaves the host, and both ends agree on the log's hash", async () => {
  const { client } = t.installation;
  const imageConf = { ...t.installation.places("xen1"), root_password: secret };
  const job = await client.call("provision", { body: { image: "Secretive", host: "xen1", vm: "web", imageConf } });
  const seen: Buffer[] = [];
  for await (const event of client.events(job.id))
    if (event.kind === "log") seen.push(Buffer.from(event.base64, "base64"));
  const ended = await client.call("showJob", { params: { id: job.id } });
  expect(ended).toMatchObject({ status: "failed", code: "script_failed", exitCode: 3, logFault: null });

  const file = readFileSync(join(t.installation.host("xen1").folder, "logs/Secretive/Secretive_web.log"), "utf8");
  expect(file).toContain(`the password is ${secret}.`);
  expect(file).toContain(`not all at once: ${secret}`);

  const log = await client.log(job.id);
  expect(Buffer.concat(seen)).toEqual(log);
  expect(log.length).toBe(Buffer.byteLength(file));
  expect(ended.logSha256).toBe(createHash("sha256").update(log).digest("hex"));
  const text = log.toString("utf8");
  expect(text).toContain(`the password is ${"*".repeat(secret.length)}.`);
  expect(text).toContain(`not all at once: ${"*".repeat(secret.length)}`);
  // What could have gone on to be one, and did not.
  expect(text).toMatch(/at the very end: it's a S$/);
  for (const part of [
    "S3cret",
    Buffer.from(secret).toString("base64").slice(2, 18),
    Buffer.from(`root:${secret}`).toString("base64").slice(8, 24),
  ]) {
    expect(file).toContain(part);
    expect(text).not.toContain(part);
  }
}, 120_000);
