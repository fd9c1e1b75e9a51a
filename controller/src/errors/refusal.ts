// A no before anything was changed. Its code says the HTTP status; one filter translates, and nobody else does.
import { type RefusalCode, refusalCodes } from "@convirt/contract/error";

export type { RefusalCode };

export interface RefusalDetails {
  /** One entry per wrong field. */
  fields?: { path: string; message: string }[];
  details?: Record<string, unknown>;
  /** Seconds after which to try again. */
  retryAfterS?: number;
}

/** `code` is one of the contract's closed list; a host's own check adds codes of its own, answered as `host_refused` is. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: RefusalCode;
  readonly more: RefusalDetails;

  constructor(code: RefusalCode, message: string, more: RefusalDetails = {}) {
    super(message);
    this.code = code;
    this.more = more;
  }

  get status(): number {
    return refusalCodes[this.code] ?? refusalCodes.host_refused;
  }
}
