import type { Role } from "@convirt/contract/session";

/** Who asks, as the guard found out. */
export interface Identity {
  userId: string;
  username: string;
  role: Role;
  via: "session" | "token";
  /** When the session or token ends. */
  expiresAt: string;
  /** Hash of the session, for sign-out. */
  sessionHash?: string;
}

/** A request behind the guard. */
export interface Identified {
  identity: Identity;
}

const ranks: Record<Role, number> = { viewer: 1, operator: 2, admin: 3 };

export function mayAs(role: Role, least: Role): boolean {
  return ranks[role] >= ranks[least];
}
