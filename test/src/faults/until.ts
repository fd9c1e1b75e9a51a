// Waits for conditions, never for time alone.
import { setTimeout as delay } from "node:timers/promises";

const pollMs = 20;

/** Waits until `look` answers something other than undefined or false. Throws, with what was waited for, when the limit is reached. */
export async function until<T>(
  what: string,
  limitMs: number,
  look: () => T | Promise<T>,
): Promise<Exclude<T, undefined | false>> {
  const end = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen as Exclude<T, undefined | false>;
    if (performance.now() > end) throw new Error(`Waited ${limitMs / 1000} s in vain until ${what}`);
    await delay(pollMs);
  }
}

/** The same for work that has an end of its own. */
export async function within<T>(what: string, limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${limitMs / 1000} s in vain until ${what}`)), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
