// What a VM is doing, from what its host last reported. A domain that reboots is away for some seconds: it keeps its last state that long.
import type { VmState } from "@convirt/contract/vm";

/** How long a domain that was seen may be missing before it counts as stopped. */
export const absenceMs = 10_000;

export interface SeenState {
  state: VmState;
  /** When the host saw it, by the clock, to be shown. */
  atMs: number;
  /** When the host said so, by a clock that nobody sets, to be counted with. */
  tickMs: number;
  domainId: number | null;
}

/** The state to show at a report of `at`, and to remember. `reported` is undefined when the host's domains do not include the VM. */
export function settle(
  last: SeenState | undefined,
  reported: { state: VmState; domainId: number } | undefined,
  at: { atMs: number; tickMs: number },
): SeenState {
  if (reported !== undefined) return { ...reported, ...at };
  const isAlive = last !== undefined && last.state !== "stopped" && last.state !== "unknown";
  return isAlive && at.tickMs - last.tickMs < absenceMs ? last : { state: "stopped", ...at, domainId: null };
}
