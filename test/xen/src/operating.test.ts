// The pages of docs/operating, done to the letter in dom0: the controller installed beside the agent, under its own hardened service, used, backed up, restored, upgraded and
// purged. Runs last: the agent leaves the controller of the other tests for this one.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { rig, until } from "./rig.js";

const must = (line: string, input?: string | Buffer) => rig().dom0.must(line, input === undefined ? {} : { input });
const controller = "https://localhost:8443";

afterAll(async () => {
  await rig().dom0.run("convirt vm remove walked --disks --force; apt-get purge --yes convirt-controller");
});

/** "Node.js 20 from elsewhere", as docs/operating/install.md has it for Debian 12: this machine's own. */
async function bringNode(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "convirt-node-"));
  try {
    mkdirSync(join(folder, "root/usr/bin"), { recursive: true });
    mkdirSync(join(folder, "root/DEBIAN"));
    copyFileSync(realpathSync(process.execPath), join(folder, "root/usr/bin/node"));
    const version = `${process.versions.node}-elsewhere`;
    writeFileSync(
      join(folder, "root/DEBIAN/control"),
      `Package: nodejs\nVersion: ${version}\nArchitecture: amd64\nMulti-Arch: allowed\nMaintainer: nobody <nobody@localhost>\nDescription: Node.js from elsewhere\n`,
    );
    const deb = join(folder, "nodejs.deb");
    execFileSync("dpkg-deb", ["--build", "--root-owner-group", "-Zgzip", "-z1", join(folder, "root"), deb]);
    await must("cat >/root/nodejs.deb", readFileSync(deb));
  } finally {
    rmSync(folder, { recursive: true });
  }
  // Debian's own is in several packages, which hold some of the same files.
  await must("dpkg --force-overwrite --install /root/nodejs.deb && rm /root/nodejs.deb");
}

async function install(deb: string): Promise<void> {
  const there = `/root/${basename(deb)}`;
  await must(`cat >${there}`, readFileSync(deb));
  await must(`apt-get install --yes --no-install-recommends ${there} && rm ${there}`);
}

const ready = () =>
  until("the controller answers", async () =>
    (await rig().dom0.run("curl --silent --fail --insecure https://localhost:8443/readyz")).code === 0
      ? true
      : undefined,
  );
const inContact = () =>
  until("the host is in contact", async () => {
    const { stdout } = await rig().dom0.run("convirt host list --json");
    return stdout.includes('"in_contact"') ? true : undefined;
  });

test("the controller is installed, starts under its hardened service, and says where its first password is", async () => {
  await bringNode();
  await install(rig().places.controllerPackage);
  await ready();
  const unit = await must("systemctl show convirt-controller --property=ActiveState,User,ProtectSystem,NRestarts");
  expect(unit.trim().split("\n").sort()).toEqual([
    "ActiveState=active",
    "NRestarts=0",
    "ProtectSystem=strict",
    "User=convirt",
  ]);
  const file = "/var/lib/convirt/first-password";
  expect(await must("journalctl --unit=convirt-controller | grep first-password")).toContain(file);
  expect((await must(`stat --format=%a ${file}`)).trim()).toBe("600");
  expect((await rig().dom0.run(`setpriv --reuid=65534 --clear-groups cat ${file}`)).code).not.toBe(0);
  const authority = /"authority":"(\w+)"/.exec(await must("journalctl --unit=convirt-controller --output=cat"))?.[1];
  const signIn = `convirt login ${controller} --username admin --password-stdin --accept-ca ${authority}`;
  expect(await must(`${signIn} <${file} && convirt whoami`)).toContain("admin");
});

test("a host is enrolled by the line that is printed for it, beside the controller on one machine", async () => {
  await must(
    `sed -i -e 's|^#*store = .*|store = "/var/cache/convirt/agent_store"|' -e '/^advertise/d' /etc/convirt/agent.toml && mkdir -p /var/cache/convirt/agent_store`,
  );
  await must("convirt host invite dom0 | grep '^echo' | sh");
  // The agent serves another controller until then, and takes this one without being started anew.
  await inContact();
  expect(await must("systemctl show convirt-agent --property=NRestarts,StatusText")).toContain(
    "Serves the controller as dom0",
  );
  await must("convirt provision Tiny_Linux --host dom0 --name walked --start");
  await until("the guest is up", async () =>
    (await must("convirt vm console walked")).includes("Hello from walked") ? true : undefined,
  );
});

test("a copy is made and put back as the page says, and what it cannot know is shown", async () => {
  await must("convirt backup now");
  const copy = (await must("ls /var/lib/convirt/backups")).trim().split("\n").at(-1) ?? "";
  expect(await must("convirt backup list")).toContain(copy);
  await must("convirt vm remove walked --disks --force");
  await must(
    `systemctl stop convirt-controller && cd /var/lib/convirt && mkdir -p /root/before && mv convirt.db* /root/before/ && install -o convirt -g convirt -m 600 backups/${copy} convirt.db && systemctl start convirt-controller`,
  );
  await ready();
  expect(await must("journalctl --unit=convirt-controller --output=cat")).toContain(
    "the database is a copy that was put back",
  );
  await inContact();
  expect((await rig().dom0.run("convirt host drift")).stdout).toMatch(
    /record without VM[^\n]*walked|walked[^\n]*record without VM/i,
  );
});

test("an upgrade keeps what it knows; removed, the package leaves the records, and purged nothing", async () => {
  const settings = "sed -i 's|^#* *advertise = .*|advertise = \"dom0.example:8443\"|' /etc/convirt/controller.toml";
  await must(`${settings} && systemctl restart convirt-controller`);
  await ready();
  await install(rig().places.newerControllerPackage);
  await ready();
  expect(await must("convirt --version; dpkg-query --show --showformat='${Version}' convirt-controller")).toContain(
    "+newer",
  );
  expect(await must("cat /etc/convirt/controller.toml")).toContain("dom0.example:8443");
  await inContact();
  await must("apt-get remove --yes convirt-controller");
  expect((await rig().dom0.run("systemctl is-active convirt-controller")).stdout.trim()).not.toBe("active");
  await must("test -s /var/lib/convirt/convirt.db && test -d /var/cache/convirt/image_store/Tiny_Linux");
  await must("apt-get purge --yes convirt-controller");
  const left = await rig().dom0.run("ls -d /var/lib/convirt /etc/convirt/controller.toml /usr/lib/convirt-controller");
  expect(left.stdout).toBe("");
});
