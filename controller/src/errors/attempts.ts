// Counts attempts, by where they come from or whom they are for, and refuses when there were too many. However many different ones come, the memory
// that this takes is bounded: keys fall into a fixed number of slots. Two that share a slot share its count, which hurts neither.
import { createHash, randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";
import { RateLimiterMemory } from "rate-limiter-flexible";
import { Refusal } from "./refusal.js";

export interface AttemptLimit {
  /** "to sign in": stands in the refusal's sentence. */
  what: string;
  most: number;
  withinS: number;
}

export class Attempts {
  readonly #limiter: RateLimiterMemory;
  readonly #what: string;
  readonly #salt = randomBytes(16);

  constructor({ what, most, withinS }: AttemptLimit) {
    this.#what = what;
    this.#limiter = new RateLimiterMemory({ points: most, duration: withinS });
  }

  /** Counts one. Throws Refusal too_many_attempts, with the seconds to wait. */
  async count(key: string): Promise<void> {
    try {
      await this.#limiter.consume(this.#slot(key));
    } catch (error) {
      const { msBeforeNext } = error as { msBeforeNext?: number };
      // Anything else than the limiter's own no is a fault.
      if (msBeforeNext === undefined) throw error;
      const waitS = Math.max(1, Math.ceil(msBeforeNext / 1000));
      throw new Refusal("too_many_attempts", `Too many attempts ${this.#what}: try again in ${waitS} s`, {
        retryAfterS: waitS,
      });
    }
  }

  /** Forgets those of this key, since one succeeded. */
  async forget(key: string): Promise<void> {
    await this.#limiter.delete(this.#slot(key));
  }

  /** One of 65,536; which one, nobody outside can choose. */
  #slot(key: string): string {
    return createHash("sha256").update(this.#salt).update(key).digest("hex").slice(0, 4);
  }
}

/** Whom to count an address as: an IPv6 network of 64 bits is one, since whoever has one has all its addresses. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - groups.length - after.length;
  return [...groups, ...Array<string>(Math.max(0, zeros)).fill("0"), ...after].slice(0, 4).join(":");
}
