// What changes a domain that runs: its size, its name, its state. In the real one's words.
import { Ends } from "./answer.js";
import type { FakeDomain, FakeXen } from "./world.js";

export function change(xen: FakeXen, id: number, work: (domain: FakeDomain) => void): string {
  xen.change((world) => {
    const domain = world.domains.find((one) => one.id === id);
    if (domain !== undefined) work(domain);
  });
  return "";
}

/** `64`, `64m`, `1g`: xl's sizes, in MiB unless a letter says otherwise. */
function sizeMib(text: string): number {
  const match = /^(\d+)([bkmgt]?)$/i.exec(text);
  if (match === null) throw new Ends(1, `invalid memory size: ${text}\n`);
  const shift = { b: -20, k: -10, m: 0, "": 0, g: 10, t: 20 }[(match[2] ?? "").toLowerCase()] ?? 0;
  return Math.floor(Number(match[1]) * 2 ** shift);
}

export function setMemory(xen: FakeXen, { id, maxMemoryMib }: FakeDomain, text: string): string {
  const memoryMib = sizeMib(text);
  if (memoryMib > maxMemoryMib) {
    throw new Ends(
      1,
      `libxl: error: libxl_mem.c:278:libxl_set_memory_target: Domain ${id}:memory_dynamic_max must be less than or equal to memory_static_max\n\ncannot set domid ${id} dynamic max memory to : ${text}\n`,
    );
  }
  return change(xen, id, (domain) => {
    domain.memoryMib = memoryMib;
  });
}

export function setMaxMemory(xen: FakeXen, { id }: FakeDomain, text: string): string {
  const maxMemoryMib = sizeMib(text);
  return change(xen, id, (domain) => {
    domain.maxMemoryMib = maxMemoryMib;
  });
}

export function setVcpus(xen: FakeXen, { id, maxVcpus }: FakeDomain, text: string): string {
  const vcpus = Number(text);
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new Ends(1, `Error: Invalid argument ${text} as VCPUS number\n`);
  if (vcpus > maxVcpus) {
    throw new Ends(
      1,
      `libxl: error: libxl_domain.c:1869:libxl_set_vcpuonline: Domain ${id}:Requested ${vcpus} VCPUs, however maxcpus is ${maxVcpus}!: Function not implemented\nlibxl_set_vcpuonline failed domid=${id} max_vcpus=${vcpus}, rc: -3\n`,
    );
  }
  return change(xen, id, (domain) => {
    domain.vcpus = vcpus;
  });
}
