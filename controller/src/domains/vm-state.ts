// What a VM is doing, from what its host last reported. A domain that reboots is away for some seconds: it keeps its last state that long.
import type { VmState } from "@convirt/contract/vm";

/** How long a domain that was seen may be missing before it counts as stopped. */
export const absenceMs = 10_000;

export interface SeenState {
  state: VmState;
  atMs: number;
  domainId: number | null;
}

/** The state to show at a report of `atMs`, and to remember. `reported` is undefined when the host's domains do not include the VM. */
export function settle(
  last: SeenState | undefined,
  reported: { state: VmState; domainId: number } | undefined,
  atMs: number,
): SeenState {
  if (reported !== undefined) return { ...reported, atMs };
  const isAlive = last !== undefined && last.state !== "stopped" && last.state !== "unknown";
  return isAlive && atMs - last.atMs < absenceMs ? last : { state: "stopped", atMs, domainId: null };
}
