// Reads what `xl list -v` and `xl info` print. Tested on output that was recorded from real hosts: crashed domains, zombies without a name, half-made guests.
import type { Domain, DomainState, ToolstackFacts } from "./toolstack.js";

// Name, id, memory, vcpus, state letters, seconds; with -v a UUID behind them. A name may hold blanks in theory, so it is what is left of the numbers.
const row = /^(.*?)\s+(\d+)\s+(\d+)\s+(\d+)\s+([-rbpscd]{6,})\s+([\d.]+)(?:\s+([0-9a-f]{8}-[0-9a-f-]{27}))?/s;

/** Domains in the order of the list; lines that are none are passed over. */
export function parseList(text: string): Domain[] {
  const domains: Domain[] = [];
  for (const line of text.split("\n").slice(1)) {
    const match = row.exec(line);
    if (match === null) continue;
    const [, name = "", id, memory, vcpus, letters = "", time, uuid = ""] = match;
    if (![id, memory, vcpus].every((text) => Number.isSafeInteger(Number(text)))) continue;
    domains.push({
      id: Number(id),
      name: name.trim(),
      uuid,
      state: stateOf(name.trim(), letters),
      memoryMib: Number(memory),
      vcpus: Number(vcpus),
      cpuSeconds: Number(time),
    });
  }
  return domains;
}

/** Letters: r running, b blocked, p paused, s shut down, c crashed, d dying; none of them is "between two slices", which is running. */
function stateOf(name: string, letters: string): DomainState {
  if (letters.includes("d")) return name === "(null)" || name === "" ? "zombie" : "dying";
  if (letters.includes("c")) return "crashed";
  if (letters.includes("s")) return "shutting_down";
  return letters.includes("p") ? "paused" : "running";
}

/** `key : value` lines of `xl info`. */
export function parseInfo(text: string): Map<string, string> {
  const facts = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) facts.set(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  return facts;
}

export function factsOf(info: ReadonlyMap<string, string>, toolstack: "xl" | "xm"): ToolstackFacts {
  const text = (key: string) => info.get(key) ?? "";
  const number = (key: string) => Number.parseInt(text(key), 10) || 0;
  return {
    toolstack,
    hostname: text("host"),
    release: text("release"),
    machine: text("machine"),
    xenVersion: text("xen_version") || `${text("xen_major")}.${text("xen_minor")}${text("xen_extra")}`,
    virtCaps: text("virt_caps"),
    cpus: number("nr_cpus"),
    totalMemoryMib: number("total_memory"),
    freeMemoryMib: number("free_memory"),
  };
}
