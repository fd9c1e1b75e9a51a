// An installation with something to see, for the browser: images of several kinds, one of them rejected, hosts of which one is silent and one has not come
// yet, VMs that run and that do not, a job that failed and left something, and one that runs.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { preamble, startInstallation, type TestInstallation } from "../testing.js";

export interface Scene extends TestInstallation {
  /** Lets the running job go on to its end. */
  release(): void;
  /** Of Debian_12_web, what each begins with: that of before, and that which stands in the store. */
  versions: readonly [before: string, after: string];
  failedJob: string;
  runningJob: string;
}

const description = `<h2>Debian 12, ready for the web</h2>
<p>A Debian with nginx and a user for deployments. The disk is made in a minute, and grows to the size that you ask for.</p>
<p><b>Needs on the host:</b> 12 GiB of disk, a bridge to the outside.</p>
<ul><li>Patches itself every night</li><li>Sends its logs to <tt>syslog.example</tt></li></ul>`;

const debian = {
  imageConf: `# What the script is given. Sizes in MiB.
xvda_disk_create='yes'
xvda_disk_type='VBD'
xvda_disk_size=8
# The user that deploys.
deploy_user='deploy'
ssh_keys=['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFh2 anna@desk']
packages=['nginx', 'curl']
mirror='http://deb.example/debian'
VM_DISKS_DIR='/vm_disks'
VM_CONF_DIR='/var/cache/convirt/vm_configs'
customizable_options=['xvda_disk_size', 'deploy_user', 'ssh_keys', 'packages', 'VM_DISKS_DIR', 'VM_CONF_DIR']
`,
  vmConf: `name=''
platform='xen'
os_flavor='Linux'
os_name='Debian'
os_version='12'
memory=64
vcpus=2
type='pvh'
kernel='/bin/sh'
extra='root=/dev/xvda ro'
disk=['file:$VM_DISKS_DIR/$VM_NAME.disk.xm,xvda,w']
vif=['mac=$AUTOGEN_MAC,bridge=$DEFAULT_BRIDGE']
on_shutdown='destroy'
on_reboot='restart'
on_crash='destroy'
customizable_options=['memory', 'vcpus', 'extra', 'vif']
`,
};

const working = `${preamble}
log_msg "provisioning from image"
provision_disks
printf '\\033[32m==>\\033[0m unpacking base system\\n'
for package in libc6 openssl nginx-common nginx curl; do printf 'Setting up \\033[1m%s\\033[0m (12.%s) ...\\n' "$package" "$RANDOM"; done
printf '\\033[33mwarning:\\033[0m locale is not set, C.UTF-8 is taken\\n'
`;

const failing = `${preamble}
provision_disks
echo "Retrieving the base system from $mirror"
for number in 1 2 3; do echo "attempt $number of 3: connection timed out"; done
printf '\\033[31merror:\\033[0m cannot retrieve the base system: the mirror does not answer\\n' >&2
exit 7
`;

/** Debian_12_web, as it was seen before its author went on with it, and as it is; both by what their digests begin with. */
async function addInTwoVersions(t: TestInstallation): Promise<readonly [string, string]> {
  const folder = join(t.store, "Debian_12_web");
  const seen = async () => {
    await t.installation.client.call("scanImages");
    const { version } = await t.installation.client.call("showImage", { params: { name: "Debian_12_web" } });
    return version?.slice(0, 12) ?? "";
  };
  const imageConf = debian.imageConf
    .replace("xvda_disk_size=8", "xvda_disk_size=4")
    .replace("'nginx', 'curl'", "'nginx'");
  await t.addImage("Debian_12_web", { ...debian, imageConf, script: working.replace(/^printf .*warning.*\n/m, "") });
  writeFileSync(join(folder, "description.html"), description);
  const before = await seen();
  writeFileSync(join(folder, "image.conf"), debian.imageConf);
  writeFileSync(join(folder, "provision.sh"), working, { mode: 0o755 });
  writeFileSync(join(folder, "NOTES"), "Asked for by the shop: curl, and twice the disk.\n");
  return [before, await seen()];
}

export async function startScene(): Promise<Scene> {
  const t = await startInstallation(["xen1", "xen2", "xen3"]);
  const { client } = t.installation;
  const gate = join(t.folder, "gate");
  const slow = `${preamble}
provision_disks
for step in $(seq 1 40); do printf 'step %s: \\033[36mcopying\\033[0m files\\n' "$step"; done
until [ -e '${gate}' ]; do sleep 0.1; done
echo done
`;
  const versions = await addInTwoVersions(t);
  await t.addImage("Debian_12_mirror", { ...debian, script: failing });
  writeFileSync(
    join(t.store, "Debian_12_mirror", "description.html"),
    "<p>The same from a mirror of our own, which is not always there.</p>",
  );
  await t.addImage("Alma_9_database", {
    imageConf: debian.imageConf,
    vmConf: debian.vmConf.replace("'Debian'", "'AlmaLinux'").replace("'12'", "'9'"),
    script: slow,
  });
  writeFileSync(
    join(t.store, "Alma_9_database", "description.html"),
    "<p>PostgreSQL 17 on AlmaLinux 9, tuned for 4 GiB.</p>",
  );
  await t.addImage("Old_Fedora", {
    imageConf: "xvda_disk_size=1000\nkeys=open('/etc/passwd').read()\n",
    vmConf: debian.vmConf,
    script: working,
  });
  await t.addImage("_base", { ...debian, script: working });

  const request = (image: string, vm: string, host: string, start = true) =>
    client.call("provision", {
      body: { image, vm, host, start, imageConf: t.installation.places(host), reason: "for the shop" },
    });
  for (const [image, vm, host, start] of [
    ["Debian_12_web", "web-1", "xen1", true],
    ["Debian_12_web", "web-2", "xen1", true],
    ["Debian_12_web", "web-3", "xen2", false],
    ["Debian_12_web", "build-runner", "xen3", true],
  ] as const)
    await client.ended((await request(image, vm, host, start)).id);
  await client.ended((await request("Debian_12_mirror", "intranet-test", "xen1", false)).id);
  const failed = await request("Debian_12_mirror", "intranet", "xen2");
  await client.ended(failed.id);
  const running = await request("Alma_9_database", "db-1", "xen1");
  await t.installation.stopAgent("xen3");
  await client.call("inviteHost", { body: { host: "xen4" } });
  return {
    ...t,
    versions,
    failedJob: failed.id,
    runningJob: running.id,
    release: () => {
      mkdirSync(gate, { recursive: true });
    },
  };
}
