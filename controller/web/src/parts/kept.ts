// A choice of the person's, kept by this browser, and told to whatever shows it.
import { useSyncExternalStore } from "react";

export interface Kept<T extends string> {
  get(): T;
  set(value: T): void;
  /** The choice, in a component that is drawn anew when it changes. */
  useChoice(): T;
}

/** The first of `choices` counts until another is chosen. */
export function keptChoice<T extends string>(key: string, choices: readonly [T, ...T[]]): Kept<T> {
  const listeners = new Set<() => void>();
  const get = () => choices.find((choice) => choice === localStorage.getItem(key)) ?? choices[0];
  const subscribe = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  return {
    get,
    set: (value) => {
      localStorage.setItem(key, value);
      for (const listener of listeners) listener();
    },
    useChoice: () => useSyncExternalStore(subscribe, get),
  };
}
