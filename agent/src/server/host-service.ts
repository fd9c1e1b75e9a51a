// HostService: facts, the inventory as the sign of life, and the renewal of this host's certificate.
import type { HostFacts, HostServiceServer, Inventory as WireInventory } from "@convirt/proto/host";
import { DomainState as Wire } from "@convirt/proto/host";
import { Refusal } from "../errors/errors.js";
import { bootId, digestOf, freeBytes } from "../host/facts.js";
import type { Inventory, InventorySnapshot } from "../host/inventory.js";
import { type Identity, IdentityInvalid, notAfter, saveIdentity } from "../identity/identity.js";
import { makeSigningRequest } from "../identity/signing-request.js";
import type { DomainState } from "../toolstack/toolstack.js";
import type { Handlers } from "./handlers.js";
import type { Listener } from "./listener.js";

/** What each means, host.proto says. */
export const features = [
  "provision.v1",
  "staging.chunks",
  "staging.used",
  "staging.remove",
  "staging.connection",
  "domain.v1",
  "renewal.v1",
  "domain.look",
  "domain.console",
  "provision.clean",
  "provision.forgotten",
  "provision.log_limit",
  "provision.secrets",
] as const;

/** Whoever asks first is content with what was seen so long ago: while nobody watches, that is how old it is at most. */
const knownAgeMs = 60_000;
const digestAgeMs = 30_000;

export interface HostServiceDependencies {
  handlers: Handlers;
  inventory: Inventory;
  /** What is known now; asks nobody. */
  facts: () => Promise<HostFacts>;
  agentVersion: string;
  storeDir: string;
  stateDir: string;
  runningJobs: () => number;
  identity: { current: Identity };
  listener: Pick<Listener, "renew">;
}

const states: Record<DomainState, Wire> = {
  running: Wire.RUNNING,
  paused: Wire.PAUSED,
  shutting_down: Wire.SHUTTING_DOWN,
  crashed: Wire.CRASHED,
  dying: Wire.DYING,
  zombie: Wire.ZOMBIE,
};

export function hostService(deps: HostServiceDependencies): HostServiceServer {
  const { handlers, inventory } = deps;
  // The key of a renewal that was begun; it becomes ours when its certificate comes.
  let pending: string | undefined;
  return {
    hello: handlers.unary(async (_request, signal) => {
      // The toolstack has its say if it has one soon; a host whose toolstack hangs is still in contact.
      await inventory.snapshot(knownAgeMs, signal);
      return {
        agentVersion: deps.agentVersion,
        features: [...features],
        facts: await deps.facts(),
        certificateNotAfter: notAfter(deps.identity.current).toISOString(),
      };
    }),
    watchInventory: handlers.serverStream(async (request, send, signal) => {
      const intervalMs = Math.min(60_000, Math.max(500, request.intervalMs));
      await watch(deps, intervalMs, send, signal);
    }),
    beginRenewal: handlers.unary(async () => {
      const { key, signingRequest } = await makeSigningRequest(deps.identity.current.host);
      pending = key;
      return { signingRequestPem: signingRequest };
    }),
    completeRenewal: handlers.unary(async (request) => {
      if (pending === undefined) throw new Refusal("bad_request", "Cannot take a certificate: no renewal was begun");
      const renewed = { ...deps.identity.current, key: pending, certificate: request.certificatePem };
      try {
        saveIdentity(deps.stateDir, renewed);
      } catch (error) {
        if (!(error instanceof IdentityInvalid)) throw error;
        throw new Refusal("certificate_invalid", `Cannot take the certificate: ${error.message}`);
      }
      pending = undefined;
      deps.identity.current = renewed;
      deps.listener.renew(renewed);
      inventory.refresh();
      return {};
    }),
  };
}

/**
 * What is known at once, with its age, so that a host whose toolstack takes its time is in contact; then every new snapshot, and the last again when the interval
 * passes without one.
 */
async function watch(
  deps: HostServiceDependencies,
  intervalMs: number,
  send: (message: WireInventory) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let last = await deps.inventory.snapshot(knownAgeMs, signal);
  let wake: () => void = () => undefined;
  let fresh = true;
  const unwatch = deps.inventory.watch((snapshot) => {
    last = snapshot;
    fresh = true;
    wake();
  });
  signal.addEventListener("abort", () => wake(), { once: true });
  let facts = { digest: "", untilMs: 0 };
  try {
    while (!signal.aborted) {
      fresh = false;
      // Facts change seldom, and to gather them is most of what a sign of life would cost.
      if (performance.now() > facts.untilMs)
        facts = { digest: digestOf(await deps.facts()), untilMs: performance.now() + digestAgeMs };
      await send(await toWire(deps, last, facts.digest));
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, intervalMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (fresh || signal.aborted) wake();
      });
    }
  } finally {
    unwatch();
  }
}

async function toWire(
  deps: HostServiceDependencies,
  snapshot: InventorySnapshot,
  factsDigest: string,
): Promise<WireInventory> {
  return {
    takenAt: new Date(snapshot.takenAtMs).toISOString(),
    ageMs: snapshot.takenAtMs === 0 ? 0n : BigInt(Math.round(performance.now() - snapshot.takenTickMs)),
    bootId: bootId(),
    freeMemoryMib: BigInt(snapshot.freeMemoryMib),
    totalMemoryMib: BigInt(snapshot.totalMemoryMib),
    runningJobs: deps.runningJobs(),
    domains: snapshot.domains.map((domain) => ({
      ...domain,
      state: states[domain.state],
      memoryMib: BigInt(domain.memoryMib),
    })),
    storeFreeBytes: BigInt(await freeBytes(deps.storeDir)),
    toolstackError: snapshot.toolstackError ?? "",
    factsDigest,
  };
}
