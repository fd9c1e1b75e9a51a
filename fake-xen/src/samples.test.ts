// Goes through what was recorded of a real xl (Xen 4.17 in a Debian 12 dom0): for every call, fake-xen gives the same output, exit code and stream, ids, times and
// paths of this machine aside; or it is said why it does not.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { FakeDomain } from "./world.js";

const program = fileURLToPath(new URL("../dist/fake-xen.cjs", import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fake-xen-samples-"));
  for (const sub of ["srv/guest", "srv/disks", "etc/xen"]) mkdirSync(join(folder, sub), { recursive: true });
  for (const file of ["srv/guest/vmlinuz", "srv/guest/initrd.gz", "srv/disks/pv1.img", "srv/disks/pvh1.img"])
    writeFileSync(join(folder, file), "");
  writeFileSync(
    join(folder, "host.json"),
    JSON.stringify({ nodename: "dom0", memoryMib: 3071, cpus: 2, shutdownMs: 0 }),
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const recorded = (file: string) => readFileSync(new URL(`recorded/${file}`, import.meta.url), "utf8");
const recordedOr = (file: string) => {
  try {
    return recorded(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
};
const index = recorded("INDEX.tsv")
  .trim()
  .split("\n")
  .map((line) => {
    const [name = "", exitCode = "", command = ""] = line.split("\t");
    return { name, exitCode: Number(exitCode), command };
  });

const cmdlineOf = (name: string) => `console=hvc0 quiet guest.name=${name}`;

function guest(id: number, name: string, more: Partial<FakeDomain> = {}): FakeDomain {
  return {
    id,
    name,
    uuid: `00000000-0000-4000-8000-0000000000${id}`,
    memoryMib: 96,
    maxMemoryMib: 192,
    vcpus: 1,
    maxVcpus: 1,
    type: "pv",
    state: "running",
    startedAtMs: Date.now(),
    endsAtMs: null,
    deaf: false,
    configPath: "",
    kernel: "/srv/guest/vmlinuz",
    ramdisk: "/srv/guest/initrd.gz",
    cmdline: cmdlineOf(name),
    disks: [{ target: "/srv/disks/pv1.img", vdev: "xvda", format: "raw", readwrite: true, cdrom: false }],
    nics: [{ mac: "00:16:3e:00:00:01", bridge: "xenbr0" }],
    ...more,
  };
}
const dom0 = guest(0, "Domain-0", {
  uuid: "00000000-0000-0000-0000-000000000000",
  memoryMib: 1024,
  vcpus: 2,
  maxVcpus: 2,
});
const pv1 = guest(18, "pv1");
const badmac = guest(17, "badmac", { nics: [{ mac: "00:16:3e:69:6d:3b", bridge: "xenbr0" }] });
const two = [guest(35, "pv1", { vcpus: 2, maxVcpus: 2 }), guest(36, "pv2")];
const pvh1 = guest(37, "pvh1", {
  type: "pvh",
  disks: [{ target: "/srv/disks/pvh1.img", vdev: "xvda", format: "raw", readwrite: true, cdrom: false }],
  nics: [{ mac: "00:16:3e:00:00:02", bridge: "xenbr0" }],
});

/** pv1.cfg of the recording, with lines changed. */
const config = (changes: Record<string, string> = {}, type = "pv") => {
  const name = changes["name"] ?? '"pv1"';
  const keys: Record<string, string> = {
    name,
    type: `"${type}"`,
    kernel: '"/srv/guest/vmlinuz"',
    ramdisk: '"/srv/guest/initrd.gz"',
    extra: `"${cmdlineOf(name.slice(1, -1))}"`,
    memory: "96",
    maxmem: "192",
    vcpus: "1",
    disk: '[ "format=raw,vdev=xvda,access=rw,target=/srv/disks/pv1.img" ]',
    vif: '[ "mac=00:16:3e:00:00:01,bridge=xenbr0" ]',
    ...changes,
  };
  return Object.entries(keys)
    .filter(([, value]) => value !== "")
    .map(([key, value]) => `${key} = ${value}\n`)
    .join("");
};
const configs: Record<string, string> = {
  "pv1.cfg": config(),
  "pvh1.cfg": config({ name: '"pvh1"' }, "pvh"),
  "bad-syntax.cfg": 'name = "bad"\nmemory = [ 64\nvcpus = 1\n',
  "no-name.cfg": config({ name: "" }),
  "badtype.cfg": config({ name: '"badtype"' }, "zzz"),
  "unk.cfg": config({ name: '"unk"', frobnicate: "1" }),
  "badmem.cfg": config({ name: '"badmem"', memory: '"lots"' }),
  "baddisk.cfg": config({ disk: '[ "format=zzz,vdev=xvda,access=rw,target=/srv/disks/pv1.img" ]' }),
  "nodisk.cfg": config({ name: '"nodisk"', disk: '[ "format=raw,vdev=xvda,access=rw,target=/srv/disks/absent.img" ]' }),
  "nokernel.cfg": config({ name: '"nokernel"', kernel: '"/srv/guest/absent"' }),
  "noramdisk.cfg": config({ name: '"noramdisk"', ramdisk: '"/srv/guest/absent.gz"' }),
  "nobridge.cfg": config({ name: '"nobridge"', vif: '[ "bridge=nobr9" ]' }),
  "bigmem.cfg": config({ name: '"bigmem"', memory: "6000", maxmem: "6000" }),
  "badmac.cfg": config({ name: '"badmac"', vif: '[ "mac=zz:16:3e:00:00:01,bridge=xenbr0" ]' }),
  "maxlt.cfg": config({ name: '"maxlt"', maxmem: "64" }),
};

/** Which guests there were when a sample was recorded, where the sample's own list does not tell. */
const guestsOf: Record<string, FakeDomain[]> = {
  "xl-destroy-badmem": [guest(11, "badmem")],
  "xl-list-paused": [{ ...pv1, state: "paused" }],
  "xl-list-l-paused": [{ ...pv1, state: "paused" }],
  "xl-unpause": [{ ...pv1, state: "paused" }],
  "xl-unpause-created": [{ ...pv1, state: "paused" }],
  "xl-list-created-paused": [{ ...pv1, state: "paused" }],
  "xl-list-mem-160": [{ ...pv1, memoryMib: 160 }],
  "xl-list-renamed": [guest(18, "pv1b", { memoryMib: 160 })],
  "xl-rename-back": [guest(18, "pv1b")],
  "xl-shutdown-deaf": [guest(33, "deaf", { deaf: true })],
  "xl-list-deaf": [guest(33, "deaf")],
  "xl-destroy-deaf": [guest(33, "deaf")],
  "xl-list-two-guests": two,
  "xl-vcpu-list-two": two,
  "xl-vm-list-two": two,
  "xl-vcpu-set-1": two,
  "xl-vcpu-list-after-set": [{ ...two[0], vcpus: 1 } as FakeDomain],
  "xl-shutdown-a-w": two,
  "xl-list-l-pvh1": [pvh1],
  "xl-shutdown-w-pvh1": [pvh1],
  "xl-create-duplicate-name": [pv1],
};
const withBadmac = new Set(
  "xl-list-pv1-starting xl-list-pv1 xl-list-v xl-list-l xl-list-n xl-list-Z xl-list-c xl-uptime xl-uptime-s xl-vcpu-list xl-vm-list".split(
    " ",
  ),
);
const withoutGuests = /^xl-(create|list-dom0|list-l-dom0|list-v-dom0|info|version|list-after-(shutdown|destroy))/;

function guestsFor(name: string): FakeDomain[] {
  if (guestsOf[name] !== undefined) return guestsOf[name];
  if (withBadmac.has(name)) return [badmac, pv1];
  return withoutGuests.test(name) ? [] : [pv1];
}

/** Why fake-xen does not answer to a call as the real one did. */
const outside: [RegExp, string][] = [
  [/^(?!xl )/, "another program than xl"],
  [/^xl -(v|vvv)\b/, "the library's own tracing: nobody reads it"],
  [/^xl (help\b|$)/, "help for people"],
  [/^xl (save|restore|migrate|dump-core)\b/, "guests have no memory here"],
  [/^xl (block|network)-(attach|detach)\b/, "no act of an agent changes the devices of a running guest"],
  [
    /^xl (dmesg|debug-keys|sysrq|sched-credit2|cpupool-list|vcpu-pin|config-update)\b/,
    "no act of an agent asks for it",
  ],
  [/^xl info -n/, "no act of an agent asks for it"],
];
const outsideByName: Record<string, string> = {
  "xl-create-kernel-not-a-kernel": "kernels are not looked into: hosts without Xen have stand-ins",
  "xl-create-disk-in-use": "recorded between two guests; a create like any other",
  "xl-create-override": "no act of an agent gives settings beside the file",
  "xl-create-qdisk": "a create like any other",
  "xl-create-hvm1": "a create like any other, with a device model's own words",
  "xl-create-lvm": "a create like any other",
  "xl-list-l-hvm1": "no device model is here, of which half of it speaks",
  "xl-list-l-qdisk": "no device model is here",
  "xl-list-l-lvm": "as xl-list-l-pv1, with another path",
  "xl-list-l-two-guests": "as xl-list-l, with other guests",
  "xl-block-list-qdisk": "no device model is here",
  "xl-mem-set-64": "a real guest ends near what it was asked for (69)",
  "xl-list-mem-64": "a real guest ends near what it was asked for (69)",
  "xl-shutdown-no-ack": "a guest that does not answer is deaf here",
  "xl-shutdown-w-deaf-timeout": "waits for ever, as it does here",
};
const laterStates =
  /after-(shutdown-(w|a|pvh1)$|memory-not-number|missing-disk|unknown-bridge|disk-in-use|save|restore|create-c|config-update|crash)|preserve|crashed|-hvm1|restore|block-list-(two|one)|network-list-two|vcpu-list-pinned|after-save-bad|destroy-(pvsame|qdisk|lvm|crashed|preserved|after-crash|[234])$/;

function reasonFor({ name, command }: (typeof index)[number]): string | undefined {
  if (outsideByName[name]) return outsideByName[name];
  if (laterStates.test(name)) return "a state that another sample stands for, or that no guest is in here";
  return outside.find(([pattern]) => pattern.test(command))?.[1];
}

/** Without what differs from call to call. */
function plain(text: string): string {
  return (
    text
      .replaceAll(folder, "")
      .replace(/(config parsing error near) [`"].*/g, "$1 WORDS")
      .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "UUID")
      // xl chooses one where none is given, or one that is none.
      .replace(/00:16:3e:(?!00:00:)[0-9a-f:]{8}/g, "MAC")
      .replace(/domid=\d+|^\d+\n$/g, "N")
      .replace(/\b(Domain|domain|domid) \d+\b/g, "$1 N")
      .replace(/(vbd|vif)\/\d+\//g, "$1/N/")
      .replace(/exited with error status|\[\d+\]/g, (word) => (word.startsWith("[") ? "[PID]" : word))
      .replace(/\d\d:\d\d:\d\d up +\d+:\d\d/g, "UP")
      .replace(/\d+:\d\d:\d\d$/gm, "UP")
      .replace(/ +\d+\.\d(?=\s|$)/gm, " TIME")
      .replace(/^(pv\w*|badmac|badmem|deaf|Domain-0) +\d+ /gm, "$1 N ")
      .replace(/^(UUID +)\d+ +/gm, "$1N ")
      .replace(/\((\d+)\)$/gm, "(N)")
      .replace(/("domid": )\d+/g, "$1N")
      .replace(/^(\d+ +\d+ +)\d+ +\d+ +-?\d+ +\d+ /gm, "$1")
      .replace(/ r----- /g, " -b---- ")
      .replace(/ [01] {3}(r--|-b-)/g, " CPU RUNS")
  );
}

const answered = index.filter((one) => reasonFor(one) === undefined);

test("every call to xl that the agent makes is answered, and each that is not has its reason", () => {
  const acts = /^xl (create|list|info|domid|shutdown|destroy|pause|unpause|reboot)\b/;
  for (const one of index.filter((sample) => !answered.includes(sample))) expect(reasonFor(one), one.name).toBeTruthy();
  const seen = new Set(answered.map((one) => acts.exec(one.command)?.[1]));
  for (const act of "create list info domid shutdown destroy pause unpause reboot".split(" "))
    expect(seen, act).toContain(act);
});

test.each(answered.map((one) => [one.name, one] as const))("%s", (name, { command, exitCode }) => {
  const domains = [dom0, ...guestsFor(name)];
  writeFileSync(join(folder, "world.json"), JSON.stringify({ nextId: 50, bootedAtMs: 0, domains }));
  for (const [file, text] of Object.entries(configs))
    writeFileSync(join(folder, "etc/xen", file), text.replaceAll("/srv/", `${folder}/srv/`));
  const words = command
    .replace("$(xl domid pv1)", "18")
    .replaceAll("/etc/xen/", `${folder}/etc/xen/`)
    .split(" ")
    .slice(1);
  const done = spawnSync(process.execPath, [program, "xl", ...words], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "", FAKE_XEN_DIR: folder },
  });
  const wanted = { stdout: recordedOr(`${name}.txt`), stderr: recordedOr(`${name}.stderr.txt`) };
  // The facts of another machine differ in value, not in their names.
  const shape = (text: string) =>
    /^xl-info(-end)?$/.test(name) ? text.replace(/:.*/g, ":").split("\n").slice(0, 25).join("\n") : text;
  const value = (text: string) => (/xl-(version|info-)/.test(name) ? text.replace(/\d+/g, "N") : text);
  expect({ exitCode: done.status, stdout: shape(value(plain(done.stdout))), stderr: plain(done.stderr) }).toEqual({
    exitCode,
    stdout: shape(value(plain(wanted.stdout))),
    stderr: plain(wanted.stderr),
  });
});
