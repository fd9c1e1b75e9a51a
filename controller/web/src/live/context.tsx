import type { LiveTopic } from "@convirt/contract/live";
import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useSyncExternalStore } from "react";
import { type LineState, Live } from "./live";

const LiveContext = createContext<Live | undefined>(undefined);
/** However fast news comes, lists are read again at most this often. */
const togetherMs = 700;

export function LiveLine({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const live = useMemo(() => {
    const pending = new Map<LiveTopic, Set<string> | null>();
    const flush = () => {
      const taken = [...pending];
      pending.clear();
      for (const [topic, names] of taken)
        void queries.invalidateQueries({
          predicate: ({ queryKey: [first, second, name] }) =>
            first === topic && (second !== "one" || names === null || topic === "vms" || names.has(String(name))),
        });
    };
    return new Live((topic, names) => {
      if (topic === "all") {
        void queries.invalidateQueries();
        return;
      }
      if (pending.size === 0) setTimeout(flush, togetherMs);
      const before = pending.get(topic);
      if (names === null || before === null) pending.set(topic, null);
      else pending.set(topic, new Set([...(before ?? []), ...names]));
    });
  }, [queries]);
  useEffect(() => {
    live.start();
    return () => live.stop();
  }, [live]);
  return <LiveContext value={live}>{children}</LiveContext>;
}

export function useLine(): LineState {
  const live = useContext(LiveContext);
  return useSyncExternalStore(live?.subscribe ?? never, () => live?.state ?? notYet);
}

/** Milliseconds, by the controller's clock, at which a host was last heard; undefined when nobody has told since the page was opened. */
export function useHeard(host: string): number | undefined {
  const live = useContext(LiveContext);
  return useSyncExternalStore(live?.subscribe ?? never, () => live?.heard.get(host));
}

/** The same of when it last saw its domains. A host whose Xen hangs is heard, and sees nothing. */
export function useSaw(host: string): number | undefined {
  const live = useContext(LiveContext);
  return useSyncExternalStore(live?.subscribe ?? never, () => live?.saw.get(host));
}

/** The controller's time now, anew every second. */
export function useNow(): number {
  const live = useContext(LiveContext);
  const second = useSyncExternalStore(everySecond, () => Math.floor(Date.now() / 1000));
  return second * 1000 + (live?.clockAheadMs ?? 0);
}

const notYet: LineState = { kind: "connecting" };
const never = () => () => undefined;

const tickers = new Set<() => void>();
let ticking: ReturnType<typeof setInterval> | undefined;

/** One timer for however many ages a page shows. */
function everySecond(listener: () => void): () => void {
  tickers.add(listener);
  ticking ??= setInterval(() => {
    for (const each of tickers) each();
  }, 1000);
  return () => {
    tickers.delete(listener);
    if (tickers.size > 0) return;
    clearInterval(ticking);
    ticking = undefined;
  };
}
