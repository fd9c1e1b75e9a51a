// What a person sees of a host that is silent, of a job on it, and of a host that was removed: at the command line, and as the API has it.
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "@convirt/demo/installation";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startInstallation, type TestInstallation } from "./testing.js";

let t: TestInstallation;
beforeAll(async () => {
  t = await startInstallation(["away"]);
  const bare = { imageConf: "VM_CONF_DIR='/c'\n", vmConf: "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\n" };
  const script = `#!/bin/bash\necho begun\nuntil [ -e "$CONVIRT_STORE/../gate" ]; do sleep 0.05; done\n`;
  await t.addImage("Gated", { script, ...bare });
  convirt(
    ["login", t.installation.httpUrl, "--username", "admin", "--password-stdin"],
    `${t.installation.adminPassword}\n`,
  );
}, 240_000);
afterAll(() => t.stop());

function convirt(words: string[], input = ""): string {
  const env = { PATH: process.env["PATH"] ?? "", HOME: t.folder, XDG_CONFIG_HOME: join(t.folder, "config") };
  const program = [join(root, "cli/bin/convirt.js"), ...words];
  const { stdout, stderr, status } = spawnSync(process.execPath, program, { encoding: "utf8", env, input });
  if (status !== 0) throw new Error(`convirt ${words.join(" ")} ended with ${status}: ${stderr}`);
  return stdout;
}

test("a host that is silent is shown with since when, its job with since when contact is lost, and a host that was removed as removed", async () => {
  const { client } = t.installation;
  const imageConf = { VM_CONF_DIR: t.installation.places("away")["VM_CONF_DIR"] ?? "" };
  const { id } = await client.call("provision", { body: { image: "Gated", host: "away", vm: "web", imageConf } });
  for await (const event of client.events(id)) if (event.kind === "log") break;
  expect(convirt(["host", "list"])).toMatch(/^away +in contact /m);
  expect(convirt(["job", "list"])).not.toContain("contact lost");

  await t.installation.stopAgent("away", "SIGKILL");
  await expect
    .poll(async () => (await client.call("showHost", { params: { name: "away" } })).contact, { timeout: 90_000 })
    .toBe("silent");
  const host = await client.call("showHost", { params: { name: "away" } });
  const job = await client.call("showJob", { params: { id } });
  expect(job).toMatchObject({ status: "running", hostContact: "silent", contactLostSince: host.silentSince });
  const since = `${(host.silentSince ?? "").slice(0, 19)}Z`;
  expect(convirt(["host", "list"])).toMatch(new RegExp(`^away +silent since ${since} `, "m"));
  expect(convirt(["host", "show", "away"])).toContain(`Host away: silent since ${since}\n`);
  expect(convirt(["job", "list"])).toMatch(/running \(contact lost \d+ m?s ago\)/);
  expect(convirt(["job", "show", id])).toContain(`Contact with away lost since ${host.silentSince}`);

  convirt(["host", "remove", "away", "--force"]);
  const removed = await client.ended(id);
  expect(removed).toMatchObject({ status: "lost", hostContact: "removed", contactLostSince: null });
  expect(convirt(["job", "show", id])).toContain("Host away was removed from the controller.");
  expect(convirt(["host", "list"])).not.toContain("away");

  // The script has outlived its agent; it is not to outlive the test.
  const { folder } = t.installation.host("away");
  writeFileSync(join(folder, "gate"), "");
  await expect.poll(() => existsSync(join(folder, "state", "jobs", id, "exit")), { timeout: 90_000 }).toBe(true);
}, 300_000);
