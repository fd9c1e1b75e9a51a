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

export function list(domains: readonly FakeDomain[], verbose: boolean): string {
  const head = `Name                                        ID   Mem VCPUs\tState\tTime(s)${verbose ? "   UUID                            Reason-Code\tSecurity Label" : ""}\n`;
  const row = (domain: FakeDomain) => {
    const name = domain.state === "zombie" ? "(null)" : domain.name;
    const start = `${name.padEnd(40)} ${String(domain.id).padStart(5)} ${String(domain.memoryMib).padStart(5)} ${String(domain.vcpus).padStart(5)}`;
    return `${start}     ${letters(domain)}  ${seconds(domain).padStart(8)}${verbose ? ` ${domain.uuid}${"-".padStart(9)}${"-".padStart(17)}` : ""}\n`;
  };
  return head + domains.map(row).join("");
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
