// `list`, `info` and their kin: the real one's columns.
import type { FakeDomain, FakeXen } from "./world.js";

function letters(domain: FakeDomain): string {
  if (domain.state === "paused") return "--p---";
  if (domain.state === "crashed") return "----c-";
  if (domain.state === "zombie") return "--ps-d";
  return domain.id === 0 ? "r-----" : "-b----";
}

function seconds(domain: FakeDomain): string {
  // A guest of the fake uses a hundredth of a processor.
  return ((Date.now() - domain.startedAtMs) / 100_000).toFixed(1);
}

/** The columns that a flag of `list` adds behind the seconds. */
const columns: Readonly<Record<string, { head: string; of: (domain: FakeDomain) => string }>> = {
  "": { head: "", of: () => "" },
  "-v": {
    head: "   UUID                            Reason-Code\tSecurity Label",
    of: (domain) => ` ${domain.uuid}${"-".padStart(9)}${"-".padStart(17)}`,
  },
  "-Z": { head: "   Security Label", of: () => "-".padStart(17) },
  "-c": { head: "         Cpupool", of: () => "Pool-0".padStart(16) },
  "-n": { head: " NODE Affinity", of: () => " all" },
};

export function list(domains: readonly FakeDomain[], flag: "" | "-v" | "-Z" | "-c" | "-n"): string {
  const column = columns[flag];
  const head = `Name                                        ID   Mem VCPUs\tState\tTime(s)${column?.head}\n`;
  const row = (domain: FakeDomain) => {
    const name = domain.state === "zombie" ? "(null)" : domain.name;
    const start = `${name.padEnd(40)} ${String(domain.id).padStart(5)} ${String(domain.memoryMib).padStart(5)} ${String(domain.vcpus).padStart(5)}`;
    return `${start}     ${letters(domain)}  ${seconds(domain).padStart(8)}${column?.of(domain)}\n`;
  };
  return head + domains.map(row).join("");
}

export function vcpuList(domains: readonly FakeDomain[]): string {
  const head = "Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)\n";
  const row = (domain: FakeDomain, vcpu: number) => {
    const isOnline = vcpu < domain.vcpus;
    const start = `${domain.name.padEnd(32)} ${String(domain.id).padStart(5)} ${String(vcpu).padStart(5)}`;
    const state = `${isOnline ? "    0" : "    -"}   ${isOnline ? (domain.id === 0 ? "r--" : "-b-") : "--p"}`;
    return `${start}${state} ${seconds(domain).padStart(9)}  all / all\n`;
  };
  return (
    head + domains.flatMap((domain) => Array.from({ length: domain.maxVcpus }, (_, vcpu) => row(domain, vcpu))).join("")
  );
}

/** Whole seconds as `1:02:03`, or `1:02` where they are short. */
function upFor(domain: FakeDomain, short: boolean): string {
  const all = Math.floor((Date.now() - domain.startedAtMs) / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = `${Math.floor(all / 3600)}:${two(Math.floor(all / 60) % 60)}`;
  return short ? hours : `${hours}:${two(all % 60)}`;
}

export function uptime(domains: readonly FakeDomain[], short: boolean): string {
  if (short) {
    const now = new Date().toTimeString().slice(0, 8);
    return domains.map((one) => ` ${now} up ${upFor(one, true).padStart(5)}, ${one.name} (${one.id})\n`).join("");
  }
  const row = (one: FakeDomain) => `${one.name.padEnd(32)} ${String(one.id).padStart(5)}  ${upFor(one, false)}\n`;
  return `Name                                ID Uptime\n${domains.map(row).join("")}`;
}

export function vmList(domains: readonly FakeDomain[]): string {
  const head = "UUID                                  ID    name\n";
  return head + domains.map((one) => `${one.uuid}  ${String(one.id).padEnd(4)} ${one.name.padEnd(30)}\n`).join("");
}

/** xvda is device 51712, and every letter after it 16 more: xen-vbd-interface(7). */
function deviceNumber(vdev: string): number {
  const letter = /^(?:xvd|hd|sd)([a-p])$/.exec(vdev)?.[1] ?? "a";
  return 51_712 + (letter.charCodeAt(0) - "a".charCodeAt(0)) * 16;
}

export function blockList(domain: FakeDomain): string {
  const rows = domain.disks.map((disk, index) => {
    const number = deviceNumber(disk.vdev);
    return `${number} 0   ${String(domain.id).padEnd(3)}    4     ${String(8 + index * 3).padEnd(2)}     8        /local/domain/0/backend/vbd/${domain.id}/${number}\n`;
  });
  return `Vdev  BE  handle state evt-ch ring-ref BE-path                       \n${rows.join("")}`;
}

export function networkList(domain: FakeDomain): string {
  const rows = domain.nics.map(
    (nic, index) =>
      `${String(index).padEnd(3)} 0  ${nic.mac.padEnd(17)}${String(index).padStart(6)}     4     -1   522/523         /local/domain/0/backend/vif/${domain.id}/${index}\n`,
  );
  return `Idx BE Mac Addr.         handle state evt-ch   tx-/rx-ring-ref BE-path                       \n${rows.join("")}`;
}

export function info(xen: FakeXen, domains: readonly FakeDomain[]): string {
  const [major = "4", minor = "17", patch = "7"] = xen.host.xenVersion.split(".");
  const facts: [string, string | number][] = [
    ["host", xen.host.nodename],
    ["release", "6.1.0-56-amd64"],
    ["version", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)"],
    ["machine", "x86_64"],
    ["nr_cpus", xen.host.cpus],
    ["max_cpu_id", xen.host.cpus - 1],
    ["nr_nodes", 1],
    ["cores_per_socket", xen.host.cpus],
    ["threads_per_core", 1],
    ["cpu_mhz", "2596.148"],
    ["hw_caps", "1fcbf3fd:f6d8320b:e4500800:00000077:00000005:018843a9:0000020c:00000000"],
    ["virt_caps", "pv hvm hap gnttab-v1 gnttab-v2"],
    ["total_memory", xen.host.memoryMib],
    ["free_memory", xen.freeMemoryMib(domains)],
    ["sharing_freed_memory", 0],
    ["sharing_used_memory", 0],
    ["outstanding_claims", 0],
    ["free_cpus", 0],
    ["xen_major", major],
    ["xen_minor", minor],
    ["xen_extra", `.${patch}`],
    ["xen_version", xen.host.xenVersion],
    ["xen_caps", "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 "],
    ["xen_scheduler", "credit2"],
    ["xen_pagesize", 4096],
    ["xen_commandline", "fake-xen: no hypervisor is here"],
  ];
  return facts.map(([key, value]) => `${key.padEnd(22)} : ${value}\n`).join("");
}
