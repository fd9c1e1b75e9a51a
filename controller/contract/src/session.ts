// Who is asking: sign-in, users, API tokens.
import { z } from "zod";
import { instant } from "./names.js";
import { pageQuery } from "./page.js";
import * as status from "./status.js";

export const roles = status.roles;
export const role = z.enum(roles);
export type Role = z.infer<typeof role>;

export const userName = z
  .string()
  .regex(/^[a-z][a-z0-9_.-]{0,31}$/, "must start with a-z and hold 1 to 32 of a-z 0-9 _ . -");
export const password = z.string().min(10, "must hold at least 10 characters").max(1024);

export const signInBody = z.strictObject({
  username: z.string().min(1).max(64),
  password: z.string().min(1).max(1024),
});
export const sessionView = z.object({
  username: z.string(),
  role,
  expiresAt: instant.nullable(),
  via: z.enum(["session", "token"]),
});
export type SessionView = z.infer<typeof sessionView>;

export const createUserBody = z.strictObject({ username: userName, password, role });
export const changeUserBody = z.strictObject({ password: password.optional(), role: role.optional() });
export const userView = z.object({ username: z.string(), role, createdAt: instant, lastSignInAt: instant.nullable() });
export type UserView = z.infer<typeof userView>;
export const userQuery = pageQuery.extend({ role: role.optional(), username: z.string().max(64).optional() });

export const createTokenBody = z.strictObject({
  name: z.string().min(1).max(64),
  role: role.optional(),
  expiresInDays: z.number().int().min(1).max(366).default(90),
});
export const tokenView = z.object({
  id: z.string(),
  name: z.string(),
  username: z.string(),
  role,
  createdAt: instant,
  expiresAt: instant,
  lastUsedAt: instant.nullable(),
});
export type TokenView = z.infer<typeof tokenView>;
/** `token` is shown this once. */
export const createdToken = tokenView.extend({ token: z.string() });
export const tokenQuery = pageQuery.extend({
  username: z.string().max(64).optional(),
  name: z.string().max(64).optional(),
});
