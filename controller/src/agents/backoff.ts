// How long to wait before a host is called again: a window that doubles from 1 s to 60 s, and within it any moment (full jitter), so that hosts
// that lost us together do not come back together. A contact that held makes it small again; one that broke soon does not let it grow.
const firstWindowMs = 1_000;
const longestWindowMs = 60_000;
/** A contact that held this long was one. */
export const stableMs = 10_000;

export class Backoff {
  #windowMs = firstWindowMs;

  /** `random` is in [0, 1). */
  next(random = Math.random()): number {
    const pauseMs = random * this.#windowMs;
    this.#windowMs = Math.min(longestWindowMs, this.#windowMs * 2);
    return pauseMs;
  }

  /** Told how long the last contact held; 0 when there was none. */
  held(contactMs: number): void {
    if (contactMs >= stableMs) this.#windowMs = firstWindowMs;
    else if (contactMs > 0) this.#windowMs = Math.max(firstWindowMs, this.#windowMs / 2);
  }
}
