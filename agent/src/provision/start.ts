// The start of a job's domain: `xl create` once and never again, whatever happens to the agent meanwhile. That it begins is on the disk before; an agent that comes
// back waits for the create that is under way, and then for the domain.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "../errors/errors.js";
import type { Inventory } from "../host/inventory.js";
import { type Domain, type Toolstack, ToolstackError } from "../toolstack/toolstack.js";
import type { Journal } from "./journal.js";

export interface StartDependencies {
  toolstack: Toolstack;
  inventory: Inventory;
}

const seenLimitMs = 30_000;
/** When the create has ended long ago, the domain is there or it is not. */
const seenAgainLimitMs = 3_000;
const pollMs = 200;
/** A create that has begun is brought to its end by the toolstack's own limit: half of one is worse than either end. */
const toTheEnd = new AbortController().signal;

/** The domain's id, once it is seen. Returns early only when `detach` says that the agent goes. */
export async function startDomain(
  vm: { name: string; uuid: string; configPath: string },
  options: { journal: Journal; deps: StartDependencies; detach: AbortSignal },
): Promise<number> {
  const { toolstack, inventory } = options.deps;
  const { journal, detach } = options;
  const mine = (all: Domain[]) => all.find((domain) => domain.name === vm.name);
  const begun = journal.get("creating") !== undefined;
  try {
    if (!begun) {
      // The script may have started it itself: the wish is then fulfilled.
      const there = mine(await toolstack.list(detach));
      if (there !== undefined) return there.id;
      journal.putDurably({ creating: new Date().toISOString() });
      await unless(detach, toolstack.create(vm.configPath, toTheEnd));
    } else {
      while (isBeingCreated(vm.configPath)) await delay(pollMs, undefined, { signal: detach });
    }
    const limitMs = begun ? seenAgainLimitMs : seenLimitMs;
    const until = performance.now() + limitMs;
    for (;;) {
      const domain = mine(await toolstack.list(detach));
      if (domain !== undefined) return domain.id;
      if (performance.now() > until) throw notSeen(`${toolstack.name} create`, vm.name, limitMs);
      await delay(pollMs, undefined, { signal: detach });
    }
  } catch (error) {
    if (error instanceof ToolstackError)
      throw new Failure("toolstack_failed", "start", error.message, { cause: error });
    throw error;
  } finally {
    inventory.refresh();
  }
}

function notSeen(command: string, name: string, limitMs: number): Failure {
  const found = `no domain "${name}" was seen within ${limitMs / 1000} s`;
  return new Failure("toolstack_failed", "start", `${command} was called, but ${found}; it is not called again`);
}

/** The work's end, or the signal's reason when that comes first; the work goes on. */
async function unless(signal: AbortSignal, work: Promise<void>): Promise<void> {
  let leave: () => void = () => undefined;
  const left = new Promise<never>((_resolve, reject) => {
    leave = () => reject(signal.reason as Error);
    signal.addEventListener("abort", leave, { once: true });
  });
  try {
    await Promise.race([work, left]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

/** Whether some process on this host still creates a domain from the file: an earlier agent's, that outlived it. */
function isBeingCreated(configPath: string): boolean {
  return readdirSync("/proc").some((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return words.includes("create") && words.includes(configPath);
    } catch {
      // It has gone meanwhile.
      return false;
    }
  });
}
