// Hosts: invitation, enrolment, and what a host last reported.
import * as z from "zod";
import { hostName, instant, line } from "./names.js";
import { pageQuery } from "./page.js";

export const inviteBody = z.strictObject({
  host: hostName,
  ttlSeconds: z.number().int().min(60).max(86_400).default(3600),
});
/** `invitation` is the one string to paste on the host; it is shown this once. */
export const invitationView = z.object({ host: z.string(), invitation: z.string(), expiresAt: instant });

export const enrolmentBody = z.strictObject({
  host: hostName,
  secret: z.string().min(20).max(100),
  signingRequest: z.string().max(8192),
  /** host:port at which the agent serves gRPC. */
  address: line(300),
  agentVersion: line(64),
});
export const enrolmentReply = z.object({ hostId: z.string(), certificate: z.string(), caCertificate: z.string() });
export type EnrolmentReply = z.infer<typeof enrolmentReply>;

/** `invited`: nobody has come yet. `silent`: enrolled, but not in contact. */
export const hostContact = z.enum(["invited", "in_contact", "silent"]);
export const hostFacts = z.object({
  hostname: z.string(),
  machine: z.string(),
  release: z.string(),
  xenVersion: z.string(),
  toolstack: z.string(),
  virtCaps: z.string(),
  cpus: z.number(),
  memoryMib: z.number(),
  defaultBridge: z.string(),
  bridges: z.array(z.string()),
  imageStore: z.string(),
  diskRoots: z.array(z.string()),
  agentVersion: z.string(),
  /** What this controller and the host's agent both can, by the handshake. */
  features: z.array(z.string()),
  bootId: z.string(),
  problems: z.array(z.string()),
});
export type HostFactsView = z.infer<typeof hostFacts>;

export const hostView = z.object({
  name: z.string(),
  id: z.string(),
  address: z.string().nullable(),
  contact: hostContact,
  draining: z.boolean(),
  lastContactAt: instant.nullable(),
  /** Seconds since the last contact when this was answered; null when there was none. */
  lastContactAgeS: z.number().nullable(),
  /** When contact was lost; null while there is contact. */
  silentSince: instant.nullable(),
  enrolledAt: instant.nullable(),
  certificateNotAfter: instant.nullable(),
  facts: hostFacts.nullable(),
  factsAt: instant.nullable(),
  factsAgeS: z.number().nullable(),
  freeMemoryMib: z.number().nullable(),
  storeFreeBytes: z.number().nullable(),
  domains: z.number().int().nullable(),
  /** When the host saw its domains and free memory, and how many seconds ago that was: before the last contact, where Xen does not answer. */
  domainsSeenAt: instant.nullable(),
  domainsSeenAgeS: z.number().nullable(),
  runningJobs: z.number().int().nullable(),
  toolstackError: z.string().nullable(),
});
export type HostView = z.infer<typeof hostView>;
export const stagedTree = z.object({
  /** The image's name; `common` and `custom_scripts` are trees as well. */
  name: z.string(),
  /** The digest of its files, which is the image's version. */
  version: z.string(),
  bytes: z.number(),
  stagedAt: instant,
  /** When a job last began to use it, or it was staged; null of an agent that does not tell. */
  lastUsedAt: instant.nullable(),
});
export type StagedTree = z.infer<typeof stagedTree>;
export const unstaged = z.object({
  host: z.string(),
  image: z.string(),
  /** As the host's file system counts them. */
  freedBytes: z.number(),
});
export const hostQuery = pageQuery.extend({ contact: hostContact.optional(), name: z.string().max(64).optional() });
export const removeHostQuery = z.strictObject({ force: z.stringbool().default(false) });
export const drainBody = z.strictObject({ draining: z.boolean() });
