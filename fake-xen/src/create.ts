// `xl create`: reads the configuration with Xen's grammar and refuses, in the real one's words and with its exit codes, what the real one refuses.
import { appendFileSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseXlConfig, type XlOptions } from "@convirt/image-format/xl/config";
import { parseXlDisk, type XlDisk } from "@convirt/image-format/xl/disk";
import { Ends, xlJson } from "./answer.js";
import { type FakeDomain, type FakeXen, newUuid } from "./world.js";

interface Plan {
  path: string;
  name: string;
  uuid: string;
  type: FakeDomain["type"];
  memoryMib: number;
  maxMemoryMib: number;
  vcpus: number;
  kernel: string;
  ramdisk: string;
  cmdline: string;
  disks: XlDisk[];
  bridges: string[];
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
  if (options.dryRun) return `${xlJson(asJson(plan))}\n`;
  const domain = xen.change((world) => {
    const id = world.nextId;
    world.nextId += 1;
    refuse(xen, plan, id, world.domains);
    const made: FakeDomain = {
      id,
      name: plan.name,
      uuid: plan.uuid,
      memoryMib: plan.memoryMib,
      vcpus: plan.vcpus,
      type: plan.type,
      state: options.paused ? "paused" : "running",
      startedAtMs: Date.now(),
      endsAtMs: null,
      deaf: plan.deaf,
      configPath: path,
      kernel: plan.kernel,
      ramdisk: plan.ramdisk,
      cmdline: plan.cmdline,
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
      `${path}:${problem?.line ?? 1}: config parsing error near: ${problem?.message ?? ""}\nFailed to parse config: Invalid argument\n`,
    );
  }
  const one = (key: string) => textOf(parsed.options, key);
  const name = one("name");
  if (name === undefined) throw new Ends(1, "Domain name must be specified.\n");
  const type = one("type") ?? (one("builder") === "hvm" ? "hvm" : "pv");
  if (type !== "pv" && type !== "pvh" && type !== "hvm") throw new Ends(1, `Invalid domain type ${type}.\n`);
  const memoryMib = numberOf(one("memory"), path) ?? 32;
  const extra = one("cmdline") ?? one("extra") ?? "";
  return {
    path,
    name,
    uuid: one("uuid") ?? newUuid(),
    type,
    memoryMib,
    maxMemoryMib: numberOf(one("maxmem"), path) ?? memoryMib,
    vcpus: numberOf(one("vcpus"), path) ?? 1,
    kernel: one("kernel") ?? "",
    ramdisk: one("ramdisk") ?? "",
    cmdline: one("root") === undefined ? extra : `root=${one("root")} ${extra}`.trim(),
    disks: textsOf(parsed.options, "disk").map((spec) => diskOf(path, spec)),
    bridges: textsOf(parsed.options, "vif").flatMap((vif) => /(?:^|,)\s*bridge=([^,]*)/.exec(vif)?.[1]?.trim() ?? []),
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
function numberOf(text: string | undefined, path: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isFinite(value)) return value;
  process.stderr.write(`${path}: warning: parameter \`memory' is not a valid number\n`);
  return undefined;
}

function diskOf(path: string, spec: string): XlDisk {
  const verdict = parseXlDisk(spec);
  if (verdict.accepted) return verdict.disk;
  throw new Ends(
    1,
    `${path}: config parsing error in disk specification: ${verdict.diagnostics[0]?.message ?? ""} in \`${spec}'\n`,
  );
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
  for (const [what, file] of [
    ["kernel", plan.kernel],
    ["ramdisk", plan.ramdisk],
  ] as const) {
    if (file === "" || isThere(file)) continue;
    throw failed(id, [
      `xc: error: panic: xg_dom_core.c:205: failed to open file '${file}': No such file or directory: Internal error`,
      `libxl: error: libxl_dom.c:646:libxl__build_pv: xc_dom_${what}_file failed: No such file or directory`,
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
  for (const bridge of plan.bridges) {
    if (xen.host.bridges.includes(bridge)) continue;
    throw failed(id, [
      "libxl: error: libxl_exec.c:117:libxl_report_child_exitstatus: /etc/xen/scripts/vif-bridge online [2086] exited with error status 1",
      `libxl: error: libxl_device.c:1337:device_hotplug_child_death_cb: script: Could not find bridge device ${bridge}`,
      `libxl: error: libxl_create.c:1921:domcreate_attach_devices: Domain ${id}:unable to add vif devices`,
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

export function asJson(
  plan: Pick<
    Plan,
    "type" | "name" | "uuid" | "vcpus" | "memoryMib" | "maxMemoryMib" | "kernel" | "ramdisk" | "cmdline" | "disks"
  >,
): object {
  return {
    c_info: { type: plan.type, name: plan.name, uuid: plan.uuid, run_hotplug_scripts: "True" },
    b_info: {
      max_vcpus: plan.vcpus,
      avail_vcpus: Array.from({ length: plan.vcpus }, (_, index) => index),
      max_memkb: plan.maxMemoryMib * 1024,
      target_memkb: plan.memoryMib * 1024,
      sched_params: {},
      claim_mode: "True",
      ...(plan.kernel === "" ? {} : { kernel: plan.kernel }),
      ...(plan.cmdline === "" ? {} : { cmdline: plan.cmdline }),
      ...(plan.ramdisk === "" ? {} : { ramdisk: plan.ramdisk }),
      [`type.${plan.type}`]: {},
      arch_arm: {},
      arch_x86: {},
    },
    disks: plan.disks.map((disk) => ({
      pdev_path: disk.target,
      vdev: disk.vdev,
      format: disk.format,
      readwrite: disk.readwrite ? 1 : 0,
      ...(disk.cdrom ? { is_cdrom: 1, removable: 1 } : {}),
    })),
    on_reboot: "restart",
    on_soft_reset: "soft_reset",
  };
}
