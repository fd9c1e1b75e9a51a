// Who is asking: sign-in, users, API tokens.
import * as z from "zod";
import * as access from "./access.js";
import { instant, line } from "./names.js";
import { pageQuery } from "./page.js";

export const roles = access.roles;
export const role = z.enum(roles);
export type Role = z.infer<typeof role>;
export const scope = z
  .string()
  .max(80)
  .regex(access.scopePattern, "must be everything, host:NAME, image:NAME or tag:NAME; a name may end in *");
/** A set of people by its name; it is there as long as somebody is in it or something is granted to it. */
export const groupName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_. -]{0,62}$/,
    "must start with a letter or a digit and hold 1 to 63 of A-Z a-z 0-9 _ . - and blanks",
  );
export const tagName = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,62}$/, "must hold 1 to 63 of A-Z a-z 0-9 _ . + -");

export const userName = z
  .string()
  .regex(/^[a-z][a-z0-9_.-]{0,31}$/, "must start with a-z and hold 1 to 32 of a-z 0-9 _ . -");
export const password = z.string().min(10, "must hold at least 10 characters").max(1024);

export const signInBody = z.strictObject({
  username: line(64).min(1),
  password: z.string().min(1).max(1024),
  /** Of the second factor, where the user has one. */
  code: z.string().max(64).optional(),
});
export const sessionView = z.object({
  username: z.string(),
  /** The highest role that is held for everything; null when none is. */
  role: role.nullable(),
  /** All that one may, one's groups' grants and the token's limits counted in; tags are replaced by the hosts and images that bear them. */
  grants: z.array(z.object({ role, scope: z.string() })),
  expiresAt: instant.nullable(),
  via: z.enum(["session", "token"]),
  /** Whether the user has a second factor. */
  secondFactor: z.boolean(),
});
export type SessionView = z.infer<typeof sessionView>;

/** `role` is for everything; without it the user may nothing until something is granted. */
export const createUserBody = z.strictObject({
  username: userName,
  password,
  role: role.optional(),
  groups: z.array(groupName).max(50).optional(),
});
/** `role` takes the place of all that was granted to the user for everything; null takes it away. */
export const changeUserBody = z.strictObject({
  password: password.optional(),
  role: role.nullable().optional(),
  groups: z.array(groupName).max(50).optional(),
  /** Takes the second factor away, for a user who has lost it. */
  secondFactor: z.literal(false).optional(),
});
export const userView = z.object({
  username: z.string(),
  /** The highest that is granted to the user, not to a group, for everything. */
  role: role.nullable(),
  groups: z.array(z.string()),
  /** How many grants the user has in all, by groups too. */
  grants: z.number().int(),
  secondFactor: z.boolean(),
  /** API tokens that are good: they stay when the password is another. */
  tokens: z.number().int(),
  createdAt: instant,
  lastSignInAt: instant.nullable(),
});
export type UserView = z.infer<typeof userView>;
export const userQuery = pageQuery.extend({ role: role.optional(), username: z.string().max(64).optional() });

export const createTokenBody = z.strictObject({
  name: line(64).min(1),
  role: role.optional(),
  /** What the token is good for; left out, all that its owner's grants are for. */
  scopes: z.array(scope).min(1).max(50).optional(),
  expiresInDays: z.number().int().min(1).max(366).default(90),
});
export const tokenView = z.object({
  id: z.string(),
  name: z.string(),
  username: z.string(),
  /** At most this, and at most what its owner may. */
  role,
  scopes: z.array(z.string()).nullable(),
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

export const subject = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("user"), name: line(64).min(1) }),
  z.strictObject({ kind: z.literal("group"), name: groupName }),
]);
export type Subject = z.infer<typeof subject>;
export const grantBody = z.strictObject({ subject, role, scope: scope.default("everything") });
export const grantView = z.object({
  id: z.string(),
  subject: z.object({ kind: z.enum(["user", "group"]), name: z.string() }),
  role,
  scope: z.string(),
  createdAt: instant,
  createdBy: z.string(),
});
export type GrantView = z.infer<typeof grantView>;
export const grantQuery = pageQuery.extend({
  user: z.string().max(64).optional(),
  group: z.string().max(64).optional(),
  role: role.optional(),
  scope: z.string().max(80).optional(),
});

export const tagView = z.object({ tag: z.string(), kind: z.enum(["host", "image"]), name: z.string() });
export type TagView = z.infer<typeof tagView>;
export const tagQuery = pageQuery.extend({
  tag: z.string().max(64).optional(),
  kind: z.enum(["host", "image"]).optional(),
  name: z.string().max(64).optional(),
});
/** All tags that the host or image bears from now on. */
export const tagsBody = z.strictObject({ tags: z.array(tagName).max(50) });

export const sessionItem = z.object({
  /** Names it, and opens nothing. */
  id: z.string(),
  username: z.string(),
  createdAt: instant,
  expiresAt: instant,
  lastSeenAt: instant.nullable(),
  address: z.string().nullable(),
  userAgent: z.string().nullable(),
  /** Whether it is the one that asks. */
  isThis: z.boolean(),
});
export type SessionItem = z.infer<typeof sessionItem>;
export const sessionQuery = pageQuery.extend({ username: z.string().max(64).optional() });

export const ownPasswordBody = z.strictObject({ password: z.string().min(1).max(1024), newPassword: password });
/** Other sessions have ended; API tokens have not. */
export const ownPasswordReply = z.object({ ok: z.literal(true), tokens: z.number().int() });

/** `provider`: what the button says that signs in by OpenID Connect; null when there is none. */
export const signInMethods = z.object({ provider: z.string().nullable() });

/** `uri` is what an app reads as a QR code; `secret` is the same to be typed. */
export const secondFactorBegun = z.object({ secret: z.string(), uri: z.string() });
export const secondFactorCode = z.strictObject({ code: z.string().min(1).max(64) });
/** To be kept on paper: each is good once in place of a code. They are shown this once. */
export const recoveryCodes = z.object({ recoveryCodes: z.array(z.string()) });
export const withPassword = z.strictObject({ password: z.string().min(1).max(1024) });
