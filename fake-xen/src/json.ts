// Domains as xl's JSON: what `create -n` would make, and what `list -l` says of one that was made.
import type { Plan } from "./create.js";
import type { FakeDisk, FakeDomain, FakeNic } from "./world.js";

type Shown = Pick<
  Plan,
  "type" | "name" | "uuid" | "vcpus" | "maxVcpus" | "memoryMib" | "maxMemoryMib" | "kernel" | "ramdisk" | "cmdline"
>;

const scheduler = { sched: "credit2", weight: 256, cap: 0 };
/** What xl writes where a domain has no number yet. */
const noDomain = 4_294_967_295;

export function planJson(plan: Plan): object {
  return {
    c_info: { type: plan.type, name: plan.name, uuid: plan.uuid, run_hotplug_scripts: "True" },
    b_info: { ...cpus(plan), ...memory(plan), sched_params: {}, claim_mode: "True", ...boot(plan), arch_x86: {} },
    ...(plan.disks.length === 0 ? {} : { disks: plan.disks.map((disk) => diskJson(disk)) }),
    ...(plan.nics.length === 0 ? {} : { nics: plan.nics.map((nic, index) => nicJson(nic, index)) }),
    on_reboot: "restart",
    on_soft_reset: "soft_reset",
  };
}

export function domainJson(domain: FakeDomain): object {
  if (domain.id === 0) return { domid: 0, config: { c_info: { type: "pv", name: domain.name }, b_info: dom0(domain) } };
  const nictype = domain.type === "hvm" ? "vif_ioemu" : "vif";
  return {
    domid: domain.id,
    config: {
      c_info: { type: domain.type, name: domain.name, domid: noDomain, uuid: domain.uuid, run_hotplug_scripts: "True" },
      b_info: {
        ...cpus(domain),
        ...memory(domain),
        video_memkb: 0,
        sched_params: scheduler,
        claim_mode: "True",
        ...boot(domain),
        arch_x86: { msr_relaxed: "False" },
      },
      ...(domain.disks.length === 0
        ? {}
        : { disks: domain.disks.map((disk) => ({ ...diskJson(disk), colo_restore_enable: "False" })) }),
      ...(domain.nics.length === 0
        ? {}
        : { nics: domain.nics.map((nic, index) => ({ ...nicJson(nic, index), nictype })) }),
      on_reboot: "restart",
      on_soft_reset: "soft_reset",
    },
  };
}

function dom0(domain: FakeDomain): object {
  const maxMemkb = domain.memoryMib * 1024;
  return {
    max_memkb: maxMemkb,
    target_memkb: maxMemkb - 1,
    sched_params: scheduler,
    "type.pv": {},
    arch_arm: {},
    arch_x86: {},
  };
}

function cpus(plan: Shown): object {
  return { max_vcpus: plan.maxVcpus, avail_vcpus: Array.from({ length: plan.vcpus }, (_, index) => index) };
}

function memory(plan: Shown): object {
  return { max_memkb: plan.maxMemoryMib * 1024, target_memkb: plan.memoryMib * 1024 };
}

function boot(plan: Shown): object {
  return {
    ...(plan.kernel === "" ? {} : { kernel: plan.kernel }),
    ...(plan.cmdline === "" ? {} : { cmdline: plan.cmdline }),
    ...(plan.ramdisk === "" ? {} : { ramdisk: plan.ramdisk }),
    [`type.${plan.type}`]: {},
    arch_arm: {},
  };
}

function diskJson(disk: FakeDisk): object {
  return {
    ...(disk.target === null ? {} : { pdev_path: disk.target }),
    vdev: disk.vdev,
    format: disk.format,
    readwrite: disk.readwrite ? 1 : 0,
    ...(disk.cdrom ? { is_cdrom: 1, removable: 1 } : {}),
  };
}

function nicJson(nic: FakeNic, index: number): object {
  return {
    devid: index,
    ...(nic.mac === "" ? {} : { mac: nic.mac }),
    ...(nic.bridge === "" ? {} : { bridge: nic.bridge }),
  };
}
