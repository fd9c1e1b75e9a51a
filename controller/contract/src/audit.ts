// The audit: what was asked of the controller, by whom, and what came of it. Each record holds the hash of the one before it, so that none can be changed or
// taken out unseen.
import * as z from "zod";
import { instant, sha256 } from "./names.js";
import { pageQuery } from "./page.js";

/** `done`; `refused`: nothing was changed; `failed`: the controller or a host could not. */
export const auditOutcome = z.enum(["done", "refused", "failed"]);
export type AuditOutcome = z.infer<typeof auditOutcome>;

export const auditView = z.object({
  /** Counts from 1 without a gap. */
  number: z.number().int(),
  at: instant,
  /** Null where nobody was: a host that enters. At a refused sign-in the name that was given. */
  username: z.string().nullable(),
  /** `controller`: what it did by itself, such as the end of a job. */
  via: z.enum(["session", "token", "password", "invitation", "controller"]),
  /** The name of the API token. */
  token: z.string().nullable(),
  address: z.string(),
  /** A name of the route table, `jobEnded` or `auditPruned`. */
  action: z.string(),
  /** What it was about: `host xen1`, `vm web`, `user ada`. */
  objects: z.array(z.string()),
  reason: z.string().nullable(),
  /** What was asked, as JSON; values that are secret are left out, long ones stand there by their length and SHA-256. */
  asked: z.string(),
  outcome: auditOutcome,
  code: z.string().nullable(),
  message: z.string().nullable(),
  /** The command lines that ran on the host. */
  commands: z.array(z.string()),
  previousHash: sha256,
  /** SHA-256 of `auditText`. */
  hash: sha256,
});
export type AuditView = z.infer<typeof auditView>;

/** What stands before the first record. */
export const firstPreviousHash = "0".repeat(64);

/** The text whose SHA-256 is the record's hash: all of it but the hash itself, in this order. */
export function auditText(record: Omit<AuditView, "hash">): string {
  const { number, at, username, via, token, address, action, objects } = record;
  const { reason, asked, outcome, code, message, commands, previousHash } = record;
  return JSON.stringify([
    ...[previousHash, number, at, username, via, token, address, action, objects],
    ...[reason, asked, outcome, code, message, commands],
  ]);
}

export const auditQuery = pageQuery.extend({
  user: z.string().max(64).optional(),
  action: z.string().max(64).optional(),
  outcome: auditOutcome.optional(),
  /** One of a record's `objects`, such as `host xen1`. */
  object: z.string().max(120).optional(),
  since: instant.optional(),
  until: instant.optional(),
  /** What the record's object, reason, question or message holds. */
  text: z.string().max(100).optional(),
});

/** What is left of records that were pruned: the number and the hash of the last, which the first that is there follows. */
export const auditAnchor = z.object({ number: z.number().int(), hash: sha256 });
export type AuditAnchor = z.infer<typeof auditAnchor>;

/** The act of a pruning, which the controller does by itself. */
export const auditPruned = "auditPruned";

export const auditVerified = z.object({
  ok: z.boolean(),
  /** Those that are there. */
  records: z.number().int(),
  /** Null while nothing was pruned. */
  anchor: auditAnchor.nullable(),
  /** The last record's: who has noted it down elsewhere sees whether records were taken from the end. */
  head: z.object({ number: z.number().int(), hash: sha256 }).nullable(),
  /** The first record that is not as it was written, and why. */
  broken: z.object({ number: z.number().int(), why: z.string() }).nullable(),
});
export type AuditVerified = z.infer<typeof auditVerified>;
