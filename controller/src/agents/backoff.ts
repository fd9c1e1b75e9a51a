// How long to wait before a host is called again: a window that doubles from 1 s to 60 s, and within it any moment (full jitter), so that hosts
// that lost us together do not come back together. A contact that held makes it small again; one that broke soon does not let it grow. A host that has just
// enrolled is about to start its agent, before the eyes of a person: a pause is at most an eighth of the time that has passed since.
const firstWindowMs = 1_000;
const longestWindowMs = 60_000;
/** How long a host that enrolled is expected. */
export const expectedMs = 120_000;
const shortestExpectedMs = 100;
const expectedShare = 1 / 8;
/** A contact that held this long was one. */
export const stableMs = 10_000;

export class Backoff {
  #windowMs = firstWindowMs;
  #expectedSince: number | undefined;

  /** A host that enrolled at `expectedSince` is expected; times are those of performance.now(), in ms. */
  constructor(expectedSince?: number) {
    this.#expectedSince = expectedSince;
  }

  /** `random` is in [0, 1). */
  next(random = Math.random(), at = performance.now()): number {
    const sinceMs = at - (this.#expectedSince ?? Number.NEGATIVE_INFINITY);
    if (sinceMs < expectedMs) return random * Math.max(shortestExpectedMs, sinceMs * expectedShare);
    const pauseMs = random * this.#windowMs;
    this.#windowMs = Math.min(longestWindowMs, this.#windowMs * 2);
    return pauseMs;
  }

  /** Told how long the last contact held; 0 when there was none. */
  held(contactMs: number): void {
    if (contactMs > 0) this.#expectedSince = undefined;
    if (contactMs >= stableMs) this.#windowMs = firstWindowMs;
    else if (contactMs > 0) this.#windowMs = Math.max(firstWindowMs, this.#windowMs / 2);
  }
}
