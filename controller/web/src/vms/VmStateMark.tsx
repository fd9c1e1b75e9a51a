import type { VmView } from "@convirt/contract/vm";
import { freshMs, useSilence } from "../parts/Heard";
import { Status } from "../parts/Status";
import { coarse } from "../parts/Time";
import { vmWords } from "../parts/words";

/** What the VM does, as its host said; when that is not fresh, since when nobody knows better. */
export function VmStateMark({ vm }: { vm: Pick<VmView, "state" | "stateAt" | "host"> }) {
  const silence = useSilence(vm.host, vm.stateAt);
  const { word, tone } = vmWords[vm.state];
  if (vm.stateAt === null || silence === undefined) return <Status tone="look">{vmWords.unknown.word}</Status>;
  const isStale = silence > freshMs;
  return (
    <Status tone={tone} isStale={isStale}>
      {isStale ? `${word} ${coarse(silence)} ago` : word}
    </Status>
  );
}
