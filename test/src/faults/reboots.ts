// A host that goes down in the middle of a script and comes back: everything that ran there is gone, and the boot has another id. A mount namespace of its own in
// which another file stands where the kernel tells the boot's id makes the host look so to its agent alone.
import { randomUUID } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { endAtOnce, processesOf } from "@convirt/demo/left-behind";
import { audit, clean } from "./audit.js";
import { type Ground, onGround } from "./ground.js";
import { Listener } from "./listener.js";
import type { Report, Run } from "./scenario.js";
import { scriptOf } from "./scripts.js";
import { until, within } from "./until.js";

const limitMs = 180_000;
const bootIdFile = "/proc/sys/kernel/random/boot_id";

/** Makes its disk as images do, and is then in the middle of things until the machine goes down. */
const script = scriptOf(
  'source "$CONVIRT_SHELL_CONFIG_DIR/image_conf.sh"',
  'mkdir -p "$VM_DISKS_DIR" && echo disk >"$VM_DISKS_DIR/$CONVIRT_VM_NAME.img"',
  "echo begun",
  "while :; do sleep 0.1; done",
);

export async function reboots(run: Run): Promise<Report> {
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/unshare"))
    return { figures: {}, complaints: [], skipped: "a mount namespace takes root and unshare (Debian: util-linux)" };
  const sum = { jobs: 0, ...clean };
  const complaints: string[] = [];
  let leftoversListed = 0;
  await onGround({ hosts: ["xen1"] }, async (ground) => {
    await ground.addImage("Endless", script, {
      "image.conf": "VM_CONF_DIR='/c'\nVM_DISKS_DIR='/d'\nxvda_disk_create='yes'\nxvda_disk_size=1\n",
      "vm_conf.template":
        "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\ndisk=['file:$VM_DISKS_DIR/$VM_NAME.img,xvda,w']\n",
    });
    for (let round = 0; round < run.rounds; round += 1) {
      const job = await ground.provision("Endless", "xen1", `rebooted-${round}`, {
        imageConf: ground.installation.places("xen1"),
      });
      const over = new AbortController();
      const following = new Listener(ground.client, job.id).untilEnd(over.signal);
      try {
        await until("the script has begun", limitMs, async () => (await ground.client.log(job.id)).length > 0);
        await reboot(ground, "xen1", job.id);
        const seen = await within("the job is over after the boot", limitMs, following);
        const outcome = await audit(ground, [{ job, seen, expected: { status: "lost", text: () => "begun\n" } }]);
        for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += outcome.audit[name];
        complaints.push(...outcome.complaints);
        const { leftovers } = await ground.client.call("showJob", { params: { id: job.id } });
        if (leftovers.some(({ path }) => path.endsWith(`/${job.vm}.img`))) leftoversListed += 1;
        else complaints.push(`${job.vm}: the disk that it left is not listed: ${JSON.stringify(leftovers)}`);
      } finally {
        over.abort();
      }
    }
  });
  return { figures: { boots: run.rounds, leftoversListed, ...sum }, complaints };
}

async function reboot(ground: Ground, name: string, jobId: string): Promise<void> {
  const { installation } = ground;
  const host = installation.host(name);
  await installation.stopAgent(name, "SIGKILL");
  const running = () => processesOf(join(host.folder, "state", "jobs", jobId));
  await until("all that ran for the job is gone", limitMs, () => {
    const left = running();
    for (const pid of left) endAtOnce(pid);
    return left.length === 0;
  });
  const bootId = join(host.folder, "boot-id");
  writeFileSync(bootId, `${randomUUID()}\n`);
  const underAnotherBoot = `mount --bind "$1" ${bootIdFile} && shift && exec "$@"`;
  host.launcher = { around: ["unshare", "--mount", "sh", "-c", underAnotherBoot, "sh", bootId] };
  await installation.restartAgent(name);
  await installation.inContact(name);
}
