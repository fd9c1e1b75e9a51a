// What comes over the wire of a host, as the rest of the controller knows it.
import type { HostFactsView } from "@convirt/contract/host";
import { DomainState, type HelloReply, type HostFacts, type Inventory } from "@convirt/proto/host";
import type { Report, ReportedDomain } from "../inventory/inventory.service.js";
import { inCommon } from "./features.js";

const states: Partial<Record<string, ReportedDomain["state"]>> = {
  [DomainState.RUNNING]: "running",
  [DomainState.PAUSED]: "paused",
  [DomainState.SHUTTING_DOWN]: "shutting_down",
  [DomainState.CRASHED]: "crashed",
  [DomainState.DYING]: "dying",
  [DomainState.ZOMBIE]: "zombie",
};

export function toReport(inventory: Inventory): Omit<Report, "seenAt"> {
  return {
    takenAt: new Date(inventory.takenAt),
    ageMs: Date.parse(inventory.takenAt) === 0 ? null : Number(inventory.ageMs),
    freeMemoryMib: Number(inventory.freeMemoryMib),
    storeFreeBytes: Number(inventory.storeFreeBytes),
    runningJobs: inventory.runningJobs,
    toolstackError: inventory.toolstackError,
    bootId: inventory.bootId,
    domains: inventory.domains.map((domain) => ({
      ...domain,
      state: states[domain.state] ?? "running",
      memoryMib: Number(domain.memoryMib),
    })),
  };
}

/** As it stands in a host's record. */
interface StoredFacts {
  view: HostFactsView;
  features: string[];
  wire: Omit<HostFacts, "memoryMib"> & { memoryMib: string };
}

export function storeFacts({ facts, agentVersion, features }: HelloReply & { facts: HostFacts }): string {
  const wire = { ...facts, memoryMib: facts.memoryMib.toString() };
  const stored: StoredFacts = { view: toFactsView(facts, agentVersion, features), features, wire };
  return JSON.stringify(stored);
}

export function readFacts(text: string | null): { facts: HostFacts | undefined; features: readonly string[] } {
  if (text === null) return { facts: undefined, features: [] };
  const { wire, features } = JSON.parse(text) as StoredFacts;
  return { facts: { ...wire, memoryMib: BigInt(wire.memoryMib) }, features };
}

function toFactsView(facts: HostFacts, agentVersion: string, features: readonly string[]): HostFactsView {
  const { hostname, machine, release, xenVersion, toolstack, virtCaps, cpus, defaultBridge, bridges } = facts;
  const { imageStore, diskRoots, bootId, problems } = facts;
  return {
    ...{ hostname, machine, release, xenVersion, toolstack, virtCaps, cpus, memoryMib: Number(facts.memoryMib) },
    ...{ defaultBridge, bridges, imageStore, diskRoots, agentVersion, features: inCommon(features), bootId, problems },
  };
}
