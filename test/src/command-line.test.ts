import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "@convirt/demo/installation";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startInstallation, type TestInstallation } from "./testing.js";

let t: TestInstallation;

beforeAll(async () => {
  t = await startInstallation(["xen1"]);
}, 240_000);
afterAll(() => t.stop());

function convirt(words: string[], options: { input?: string; env?: Record<string, string> } = {}) {
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: t.folder,
    XDG_CONFIG_HOME: join(t.folder, "config"),
    ...options.env,
  };
  return spawnSync(process.execPath, [join(root, "cli/bin/convirt.js"), ...words], {
    encoding: "utf8",
    env,
    input: options.input ?? "",
    timeout: 30_000,
  });
}

test("a person signs in, sees images and hosts, provisions, watches, and removes a VM", () => {
  const login = convirt(["login", t.installation.httpUrl, "--username", "admin", "--password-stdin"], {
    input: `${t.installation.adminPassword}\n`,
  });
  expect(login.stderr).toContain("Signed in");
  expect(login.status).toBe(0);
  expect(statSync(join(t.folder, "config/convirt/login.json")).mode & 0o777).toBe(0o600);
  expect(convirt(["whoami"]).stdout).toBe(`admin (admin) at ${t.installation.httpUrl}\n`);

  expect(convirt(["image", "list"]).stdout).toMatch(/^NAME +STATE[\s\S]*Tiny_Linux +ok/);
  expect(convirt(["host", "list"]).stdout).toMatch(/xen1 +in contact/);
  expect(convirt(["vm", "list"]).stdout).toContain("No VMs");

  const places = Object.entries({ ...t.installation.places("xen1"), guest_kernel: "/bin/busybox" }).flatMap(
    ([name, value]) => ["--set-image", `${name}=${value}`],
  );
  const dry = convirt(["provision", "Tiny_Linux", "--host", "xen1", "--name", "made", ...places, "--dry-run"]);
  expect(dry.stdout).toContain("The host would take it. Nothing was written.");

  const made = convirt(["provision", "Tiny_Linux", "--host", "xen1", "--name", "made", ...places, "--start"]);
  expect(made.status).toBe(0);
  // Standard output is the script's own, byte for byte.
  expect(made.stdout).toBe(
    readFileSync(join(t.installation.host("xen1").folder, "logs/Tiny_Linux/Tiny_Linux_made.log"), "utf8"),
  );
  expect(made.stderr).toMatch(/-- script took/);
  expect(made.stderr).toMatch(/proven +xl create -n: agrees/);

  expect(convirt(["host", "staged", "xen1"]).stdout).toMatch(/^NAME[\s\S]*Tiny_Linux +[0-9a-f]{12} .*Z +\S+Z$/m);

  // The host's next inventory shows it, a moment after the job's end.
  let listed = convirt(["vm", "list"]).stdout;
  for (let asked = 1; asked < 100 && / unknown /.test(listed); asked += 1) listed = convirt(["vm", "list"]).stdout;
  expect(listed).toMatch(/made +running +\S.* +xen1 +Tiny_Linux/);
  const [job] = (JSON.parse(convirt(["job", "list", "--json"]).stdout) as { items: { id: string }[] }).items;
  expect(convirt(["job", "show", job?.id ?? ""]).stdout).toMatch(/^Job .*: succeeded/);
  expect(convirt(["job", "logs", job?.id ?? ""]).stdout).toBe(made.stdout);

  expect(convirt(["vm", "remove", "made"]).status).toBe(1);
  expect(convirt(["vm", "destroy", "made"]).stdout).toBe("made is stopped.\n");
  expect(convirt(["vm", "remove", "made", "--disks", "--force"]).stdout).toContain("deleted");
  expect(convirt(["vm", "show", "made"]).status).toBe(5);

  expect(convirt(["host", "unstage", "xen1", "Tiny_Linux"]).stdout).toMatch(
    /^Tiny_Linux is removed from xen1: \S+ \S+ freed\.\n$/,
  );
  expect(convirt(["host", "staged", "xen1"]).stdout).not.toContain("Tiny_Linux");
  const gone = convirt(["host", "unstage", "xen1", "Tiny_Linux", "--json"]);
  expect([gone.status, JSON.parse(gone.stdout).code]).toEqual([5, "not_found"]);
}, 120_000);

test("a job that fails ends the command with 1 and says why", async () => {
  await t.addImage("Failing", { script: "#!/bin/bash\necho why it failed\nexit 3\n" });
  const done = convirt([
    "provision",
    "Failing",
    "--host",
    "xen1",
    "--name",
    "f",
    "--set-image",
    `VM_DISKS_DIR=${t.installation.places("xen1")["VM_DISKS_DIR"]}`,
    "--set-image",
    `VM_CONF_DIR=${t.installation.places("xen1")["VM_CONF_DIR"]}`,
  ]);
  expect(done.status).toBe(1);
  expect(done.stdout).toBe("why it failed\n");
  expect(done.stderr).toContain("provision.sh ended with 3");
}, 120_000);

test("an image is exported, imported under another name, edited in an editor and by options, and removed", () => {
  const archive = join(t.folder, "tiny.tar.gz");
  expect(convirt(["image", "export", "Tiny_Linux", "-o", archive]).status).toBe(0);
  const again = convirt(["image", "import", archive, "--name", "Copy"]);
  expect(again.stderr).toBe("");
  expect(again.stdout).toContain("Image Copy: can be provisioned");

  const editor = join(t.folder, "editor.sh");
  writeFileSync(editor, "#!/bin/sh\nsed -i 's/^xvda_disk_size=16/xvda_disk_size=17/' \"$1\"\n", { mode: 0o755 });
  expect(convirt(["image", "edit", "Copy", "image.conf"], { env: { EDITOR: editor } }).stdout).toContain("is saved");
  expect(convirt(["image", "set", "Copy", "--image", "busybox=/usr/bin/busybox"]).status).toBe(0);
  const text = readFileSync(join(t.store, "Copy/image.conf"), "utf8");
  expect(text).toContain("xvda_disk_size=17\n");
  expect(text).toContain("busybox='/usr/bin/busybox'\n");
  // Every comment is where it was.
  expect(text.match(/^#.*$/gm)).toEqual(readFileSync(join(t.store, "Tiny_Linux/image.conf"), "utf8").match(/^#.*$/gm));

  const last = convirt(["image", "diff", "Copy"]);
  expect(last.stdout).toContain("\n+busybox='/usr/bin/busybox'\n");
  expect(last.stdout).not.toContain("xvda_disk_size=17\n+");
  const versions = [...convirt(["image", "show", "Copy"]).stdout.matchAll(/^([0-9a-f]{12}) .*ago/gm)].map(
    ([, one]) => one,
  );
  expect(versions).toHaveLength(3);
  const patch = convirt(["image", "diff", "Copy", versions[2] ?? ""]).stdout;
  const patched = join(t.folder, "patched");
  cpSync(join(t.store, "Tiny_Linux"), patched, { recursive: true });
  spawnSync("git", ["apply", "--unsafe-paths"], {
    cwd: patched,
    input: patch,
    env: { PATH: process.env["PATH"], GIT_DIR: "/none" },
  });
  expect(readFileSync(join(patched, "image.conf"), "utf8")).toBe(text);
  expect(convirt(["image", "diff", "Copy", versions[0] ?? "", versions[0] ?? ""])).toMatchObject({
    ...{ status: 0, stdout: "", stderr: "Both versions hold the same.\n" },
  });
  expect(convirt(["image", "diff", "Copy", "00000000"]).status).toBe(5);

  writeFileSync(editor, "#!/bin/sh\necho 'x = (' >>\"$1\"\n", { mode: 0o755 });
  const refused = convirt(["image", "edit", "Copy", "image.conf"], { env: { EDITOR: editor } });
  expect(refused.status).toBe(1);
  const kept = /Your text is in (\S+)\.\n/.exec(refused.stderr)?.[1] ?? "";
  expect(existsSync(kept)).toBe(true);
  rmSync(dirname(kept), { recursive: true });

  expect(convirt(["image", "remove", "Copy"]).status).toBe(0);
  expect(existsSync(join(t.store, "Copy"))).toBe(false);
}, 120_000);

test("a user is given a role for one host, sees what it is for, and loses it again", () => {
  const added = convirt(["user", "add", "ada", "--group", "ops", "--password-stdin"], { input: "a good password\n" });
  expect(added.stdout).toContain("may nothing yet: convirt role give ROLE --user ada");
  const given = convirt(["role", "give", "viewer", "--group", "ops", "--on", "tag:lab", "--json"]);
  expect(convirt(["tag", "set", "host", "xen7", "lab"]).stdout).toBe("host xen7 bears lab.\n");
  expect(convirt(["role", "list"]).stdout).toMatch(/group ops +viewer +tag:lab/);
  expect(convirt(["user", "list"]).stdout).toMatch(/ada +none +ops +1 +none +never/);
  expect(convirt(["role", "give", "king", "--user", "ada"]).status).toBe(1);
  expect(convirt(["role", "give", "viewer"]).status).toBe(2);
  const { id } = JSON.parse(given.stdout) as { id: string };
  expect(convirt(["role", "take", id]).status).toBe(0);
  expect(convirt(["user", "change", "ada", "--role", "operator"]).stdout).toMatch(/ada +operator +ops/);
  expect(convirt(["user", "remove", "ada"]).status).toBe(0);
}, 120_000);

test("all that was done is in the audit, with the host's command lines, and the chain is whole", () => {
  const list = convirt(["audit", "list", "--per-page", "1000"]).stdout;
  expect(list).toMatch(/ jobEnded .*provision\.sh -x .*; xl create /);
  expect(list).toMatch(/ (shutdown|destroy)Vm .*xl (shutdown|destroy) \d+/);
  convirt(["token", "create", "why", "--reason", "weil’s geht"]);
  expect(convirt(["audit", "list", "--action", "createToken"]).stdout).toContain("weil’s geht");
  const exported = convirt(["audit", "export"]).stdout;
  const file = join(t.folder, "audit.jsonl");
  writeFileSync(file, exported);
  const { head } = JSON.parse(convirt(["audit", "verify", "--file", file, "--json"]).stdout) as { head: string };
  expect(convirt(["audit", "verify", "--head", head]).stdout).toContain("each as it was written");
  writeFileSync(file, exported.replace('"action":"signIn"', '"action":"signOut"'));
  const broken = convirt(["audit", "verify", "--file", file]);
  expect(broken.status).toBe(1);
  expect(broken.stdout).toMatch(/^Record 1 is not in order: it is not as it was written/);
  writeFileSync(file, exported.split("\n").slice(0, -2).join("\n"));
  expect(convirt(["audit", "verify", "--file", file]).status).toBe(0);
  expect(convirt(["audit", "verify", "--file", file, "--head", head]).stdout).toContain(
    "that you noted down is not among",
  );
}, 120_000);

test("a token is made for a program, works, and is worth nothing once it is revoked", () => {
  const made = JSON.parse(convirt(["token", "create", "robot", "--role", "viewer", "--json"]).stdout) as {
    id: string;
    token: string;
  };
  const env = { CONVIRT_TOKEN: made.token };
  expect(convirt(["image", "list"], { env }).status).toBe(0);
  expect(convirt(["host", "invite", "xen7"], { env }).status).toBe(3);
  expect(convirt(["token", "revoke", made.id]).status).toBe(0);
  expect(convirt(["image", "list"], { env }).status).toBe(3);
}, 120_000);

test("what an invitation prints can be pasted into a shell", () => {
  const made = convirt(["host", "invite", "xen8"]).stdout;
  const [, line] = made.split("\n\n");
  // The agent says what it was given.
  const stand = 'convirt-agent() { echo "agent $*: $(cat)"; }';
  const pasted = spawnSync("bash", ["-s"], { encoding: "utf8", input: `${stand}\n${line}\n`, timeout: 30_000 });
  expect(pasted.stderr).toBe("");
  expect(pasted.stdout).toMatch(/^agent enrol: convirt1\.\S+\n$/);
}, 120_000);
