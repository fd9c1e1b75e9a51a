// Gives memory back that the start and past jobs used. The engine collects when it runs out of room, which an idle agent never does: without this it sits for days
// on what it once needed.
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const firstLookMs = 10_000;
const lookEveryMs = 60_000;
/** Growth that is worth a collection, which takes some 20 ms. */
const worthBytes = 512 * 1024;

/** Collects soon after the start, and from then on in every minute after which the heap has grown. Returns how to stop. Holds no process open. */
export function tidyMemory(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  let kept = 0;
  const look = () => {
    if (used() - kept < worthBytes) return;
    collect();
    kept = used();
  };
  const first = setTimeout(look, firstLookMs).unref();
  const every = setInterval(look, lookEveryMs).unref();
  return () => {
    clearTimeout(first);
    clearInterval(every);
  };
}

function used(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
