import type { VmView } from "@convirt/contract/vm";
import { freshSightMs, useSightAge } from "../parts/Heard";
import { Status } from "../parts/Status";
import { coarse } from "../parts/Time";
import { vmWords } from "../parts/words";

/** What the VM does, as its host saw it; when that is not fresh, since when nobody knows better. */
export function VmStateMark({ vm }: { vm: Pick<VmView, "state" | "stateAt" | "host"> }) {
  const ageMs = useSightAge(vm.host, vm.stateAt);
  const { word, tone } = vmWords[vm.state];
  if (vm.stateAt === null || ageMs === undefined) return <Status tone="look">{vmWords.unknown.word}</Status>;
  const isStale = ageMs > freshSightMs;
  return (
    <Status tone={tone} isStale={isStale}>
      {isStale ? `${word} ${coarse(ageMs)} ago` : word}
    </Status>
  );
}
