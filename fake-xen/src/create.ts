// `xl create`: reads the configuration with Xen's grammar and refuses, in the real one's words and with its exit codes, what the real one refuses.
import { randomBytes } from "node:crypto";
import { appendFileSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseXlConfig, type XlOptions } from "@convirt/image-format/xl/config";
import { parseXlDisk, type XlDisk } from "@convirt/image-format/xl/disk";
import { Ends, xlJson } from "./answer.js";
import { planJson } from "./json.js";
import { type FakeDomain, type FakeNic, type FakeXen, newUuid } from "./world.js";

export interface Plan {
  path: string;
  name: string;
  uuid: string;
  type: FakeDomain["type"];
  memoryMib: number;
  maxMemoryMib: number;
  vcpus: number;
  maxVcpus: number;
  kernel: string;
  ramdisk: string;
  cmdline: string;
  disks: XlDisk[];
  nics: FakeNic[];
  deaf: boolean;
}

/** Makes the domain, or with `dryRun` answers with what would be made as JSON. */
export function create(
  xen: FakeXen,
  path: string,
  options: { dryRun: boolean; paused: boolean; quiet: boolean },
): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new Ends(3, `Failed to read config file: ${path}: No such file or directory\n`);
  }
  if (!options.quiet) process.stderr.write(`Parsing config from ${path}\n`);
  const plan = read(path, text);
  if (options.dryRun) return `${xlJson(planJson(plan))}\n`;
  const domain = xen.change((world) => {
    const id = world.nextId;
    world.nextId += 1;
    refuse(xen, plan, id, world.domains);
    const made: FakeDomain = {
      id,
      name: plan.name,
      uuid: plan.uuid,
      memoryMib: plan.memoryMib,
      maxMemoryMib: plan.maxMemoryMib,
      vcpus: plan.vcpus,
      maxVcpus: plan.maxVcpus,
      type: plan.type,
      state: options.paused ? "paused" : "running",
      startedAtMs: Date.now(),
      endsAtMs: null,
      deaf: plan.deaf,
      configPath: path,
      kernel: plan.kernel,
      ramdisk: plan.ramdisk,
      cmdline: plan.cmdline,
      disks: plan.disks,
      nics: plan.nics.map((nic) => ({ ...nic, mac: nic.mac || newMac() })),
    };
    world.domains.push(made);
    return made;
  });
  boot(xen, domain);
  return "";
}

function read(path: string, text: string): Plan {
  const parsed = parseXlConfig(text, path);
  if (!parsed.accepted) {
    const [problem] = parsed.diagnostics;
    throw new Ends(
      1,
      `${path}:${problem?.line ?? 1}: config parsing error near ${problem?.message ?? ""}\nFailed to parse config: Invalid argument\n`,
    );
  }
  const one = (key: string) => textOf(parsed.options, key);
  const name = one("name");
  if (name === undefined) throw new Ends(1, "Domain name must be specified.\n");
  const type = one("type") ?? (one("builder") === "hvm" ? "hvm" : "pv");
  if (type !== "pv" && type !== "pvh" && type !== "hvm") throw new Ends(1, `Invalid domain type ${type}.\n`);
  const number = (key: string) => numberOf(key, one(key), { path, text });
  const memoryMib = number("memory") ?? 32;
  const vcpus = number("vcpus") ?? 1;
  const extra = one("cmdline") ?? one("extra") ?? "";
  return {
    path,
    name,
    uuid: one("uuid") ?? newUuid(),
    type,
    memoryMib,
    maxMemoryMib: number("maxmem") ?? memoryMib,
    vcpus,
    maxVcpus: Math.max(number("maxvcpus") ?? vcpus, vcpus),
    kernel: one("kernel") ?? "",
    ramdisk: one("ramdisk") ?? "",
    cmdline: one("root") === undefined ? extra : `root=${one("root")} ${extra}`.trim(),
    disks: textsOf(parsed.options, "disk").map((spec) => diskOf(path, spec)),
    nics: textsOf(parsed.options, "vif").map(nicOf),
    deaf: extra.split(/\s+/).includes("fake.deaf"),
  };
}

function textOf(options: XlOptions, key: string): string | undefined {
  const value = options.get(key);
  return value === undefined || value.kind === "list" ? undefined : value.text;
}

function textsOf(options: XlOptions, key: string): string[] {
  const value = options.get(key);
  return value?.kind === "list" ? value.items.flatMap((item) => (item.kind === "list" ? [] : item.text)) : [];
}

/** Like the real one: what is no number is warned of and left out, and the guest is made all the same. */
function numberOf(key: string, value: string | undefined, file: { path: string; text: string }): number | undefined {
  if (value === undefined) return undefined;
  if (Number.isFinite(Number(value))) return Number(value);
  const line = file.text.split("\n").findIndex((one) => one.split("=")[0]?.trim() === key) + 1;
  process.stderr.write(`${file.path}:${line}: warning: parameter \`${key}' is not a valid number\n`);
  return undefined;
}

/** From the range that Xen has been given. */
function newMac(): string {
  const [a = 0, b = 0, c = 0] = randomBytes(3);
  const two = (byte: number) => byte.toString(16).padStart(2, "0");
  return `00:16:3e:${two(a & 0x7f)}:${two(b)}:${two(c)}`;
}

/** A bad address is complained of, and the guest is made all the same. */
function nicOf(spec: string): FakeNic {
  const nic = { mac: "", bridge: "" };
  for (const part of spec.split(",")) {
    const [key = "", value = ""] = part.split("=").map((one) => one.trim());
    if (key === "mac" && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(value))
      process.stderr.write("Invalid parameter `mac'.\n");
    else if (key === "mac" || key === "bridge") nic[key] = value;
  }
  return nic;
}

function diskOf(path: string, spec: string): XlDisk {
  const verdict = parseXlDisk(spec);
  if (verdict.accepted) return verdict.disk;
  const format = /(?:^|,)\s*format=([^,]*)/.exec(spec)?.[1];
  const why =
    format !== undefined && !["raw", "qcow", "qcow2", "vhd", "qed", "empty"].includes(format)
      ? `unknown value for format: near \`${format}'`
      : verdict.diagnostics[0]?.message;
  throw new Ends(1, `${path}: config parsing error in disk specification: ${why ?? ""} in \`${spec}'\n`);
}

function refuse(xen: FakeXen, plan: Plan, id: number, domains: readonly FakeDomain[]): void {
  if (domains.some((domain) => domain.name === plan.name)) {
    throw failed(id, [
      `libxl: error: libxl_domain.c:81:libxl__domain_rename: Domain ${id}:Domain with name "${plan.name}" already exists.`,
      `libxl: error: libxl_create.c:1296:initiate_domain_create: Domain ${id}:cannot make domain: -6`,
    ]);
  }
  for (const [index, disk] of plan.disks.entries()) {
    if (disk.format === "empty" || isThere(disk.target ?? "")) continue;
    throw failed(id, [
      `libxl: error: libxl_device.c:455:libxl__device_disk_set_backend: Disk vdev=${disk.vdev} failed to stat: ${disk.target}: No such file or directory`,
      `libxl: error: libxl_create.c:1318:initiate_domain_create: Domain ${id}:Unable to set disk defaults for disk ${index}`,
    ]);
  }
  for (const [what, file, line] of [
    ["kernel", plan.kernel, 646],
    ["ramdisk", plan.ramdisk, 659],
  ] as const) {
    if (file === "" || isThere(file)) continue;
    throw failed(id, [
      `xc: error: panic: xg_dom_core.c:205: failed to open file '${file}': No such file or directory: Internal error`,
      `libxl: error: libxl_dom.c:${line}:libxl__build_pv: xc_dom_${what}_file failed: No such file or directory`,
      `libxl: error: libxl_create.c:1640:domcreate_rebuild_done: Domain ${id}:cannot (re-)build domain: -3`,
    ]);
  }
  if (plan.memoryMib > xen.freeMemoryMib(domains)) {
    throw failed(id, [
      "xc: error: panic: xg_dom_boot.c:119: xc_dom_boot_mem_init: can't allocate low memory for domain: Out of memory",
      "libxl: error: libxl_dom.c:586:libxl__build_dom: xc_dom_boot_mem_init failed: Cannot allocate memory",
      `libxl: error: libxl_create.c:1640:domcreate_rebuild_done: Domain ${id}:cannot (re-)build domain: -3`,
    ]);
  }
  for (const { bridge } of plan.nics) {
    if (bridge === "") continue;
    if (xen.host.bridges.includes(bridge)) continue;
    throw failed(id, [
      "libxl: error: libxl_exec.c:117:libxl_report_child_exitstatus: /etc/xen/scripts/vif-bridge online [2086] exited with error status 1",
      `libxl: error: libxl_device.c:1337:device_hotplug_child_death_cb: script: Could not find bridge device ${bridge}`,
      `libxl: error: libxl_create.c:1921:domcreate_attach_devices: Domain ${id}:unable to add vif devices`,
      "libxl: error: libxl_exec.c:117:libxl_report_child_exitstatus: /etc/xen/scripts/vif-bridge offline [2141] exited with error status 1",
      `libxl: error: libxl_device.c:1337:device_hotplug_child_death_cb: script: Could not find bridge device ${bridge}`,
    ]);
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function failed(id: number, lines: readonly string[]): Ends {
  const undoing = [
    `libxl: error: libxl_domain.c:1183:libxl__destroy_domid: Domain ${id}:Non-existant domain`,
    `libxl: error: libxl_domain.c:1137:domain_destroy_callback: Domain ${id}:Unable to destroy guest`,
    `libxl: error: libxl_domain.c:1064:domain_destroy_cb: Domain ${id}:Destruction of domain failed`,
  ];
  return new Ends(3, `${[...lines, ...undoing].join("\n")}\n`);
}

/** A guest's first line on its console, where xenconsoled would log it. */
function boot(xen: FakeXen, domain: FakeDomain): void {
  const folder = join(xen.folder, "console");
  mkdirSync(folder, { recursive: true });
  appendFileSync(
    join(folder, `guest-${domain.name}.log`),
    `fake-xen: domain ${domain.id} "${domain.name}" runs ${domain.kernel || "its firmware"} ${domain.cmdline}\n`,
  );
}
