import { useSyncExternalStore } from "react";

const narrow = window.matchMedia("(max-width: 700px)");

/** Two lines a row where there is no room for columns. */
export function useRowHeight(): number {
  return useSyncExternalStore(
    (listener) => {
      narrow.addEventListener("change", listener);
      return () => narrow.removeEventListener("change", listener);
    },
    () => (narrow.matches ? 60 : 33),
  );
}
