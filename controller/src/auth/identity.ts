import type { Grant, Role, Scope } from "@convirt/contract/access";

/** Who asks, as the guard found out. */
export interface Identity {
  userId: string;
  username: string;
  /** All that they may, by this session or token. */
  grants: Grant[];
  via: "session" | "token";
  /** When the session or token ends. */
  expiresAt: string;
  /** Hash of the session, for sign-out. */
  sessionHash?: string;
  tokenName?: string;
  /** Whether the user has a second factor. */
  secondFactor: boolean;
  /** Of a token: within what its owner's grants are good. */
  limit?: { most: Role; within: Scope[] | null };
}

/** A request behind the guard. */
export interface Identified {
  identity: Identity;
}
