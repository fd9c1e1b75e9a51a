// Provision jobs, their states and their events.
import { z } from "zod";
import { diagnosticView } from "./image.js";
import { hostName, imageName, instant, optionValues, sha256, uuid, vmName } from "./names.js";
import { pageQuery } from "./page.js";

export const jobStatus = z.enum(["queued", "running", "cancelling", "succeeded", "failed", "cancelled", "lost"]);
export type JobStatus = z.infer<typeof jobStatus>;
export const finalStatuses: ReadonlySet<JobStatus> = new Set(["succeeded", "failed", "cancelled", "lost"]);
export const jobPhase = z.enum(["check", "stage", "script", "prove", "start"]);
export type JobPhase = z.infer<typeof jobPhase>;

export const provisionBody = z.strictObject({
  image: imageName,
  host: hostName,
  vm: vmName,
  /** Values for options of image.conf and of vm_conf.template; only customizable ones may be set. */
  imageConf: optionValues.default({}),
  vmConf: optionValues.default({}),
  /** Start the VM when it is proven. */
  start: z.boolean().default(false),
  /** Disks that exist already may be overwritten. */
  replaceDisks: z.boolean().default(false),
  timeoutSeconds: z.number().int().min(1).max(86_400).optional(),
  reason: z.string().max(500).optional(),
});
export type ProvisionBody = z.infer<typeof provisionBody>;

export const dryRunReply = z.object({
  accepted: z.boolean(),
  refusals: z.array(z.object({ code: z.string(), message: z.string() })),
  diagnostics: z.array(diagnosticView),
  /** The files as they would be written on the host. */
  files: z.array(
    z.object({
      path: z.string(),
      text: z.string(),
      /** Unified diff to the image's template; empty for a file without one. */ diff: z.string(),
    }),
  ),
  bytesToStage: z.number(),
});
export type DryRunReply = z.infer<typeof dryRunReply>;

export const proofView = z.object({ subject: z.string(), holds: z.boolean(), found: z.string() });
export const leftoverView = z.object({ kind: z.string(), path: z.string(), bytes: z.number() });

export const jobView = z.object({
  id: uuid,
  status: jobStatus,
  phase: jobPhase.nullable(),
  image: z.string(),
  imageVersion: sha256,
  host: z.string(),
  vm: z.string(),
  vmUuid: uuid,
  start: z.boolean(),
  requestedBy: z.string(),
  reason: z.string().nullable(),
  retryOf: uuid.nullable(),
  createdAt: instant,
  startedAt: instant.nullable(),
  endedAt: instant.nullable(),
  /** Set while the host that runs the job is not in contact. */
  contactLostSince: instant.nullable(),
  /** Code and sentence of a job that did not succeed. */
  code: z.string().nullable(),
  message: z.string().nullable(),
  exitCode: z.number().int().nullable(),
  logBytes: z.number(),
  logSha256: sha256.nullable(),
});
export type JobView = z.infer<typeof jobView>;

export const jobDetail = jobView.extend({
  request: provisionBody,
  phases: z.array(z.object({ phase: jobPhase, startedAt: instant, durationMs: z.number().nullable() })),
  proofs: z.array(proofView),
  leftovers: z.array(leftoverView),
  disks: z.array(
    z.object({ target: z.string(), device: z.string(), format: z.string(), bytes: z.number(), writable: z.boolean() }),
  ),
  vmConfigPath: z.string().nullable(),
  vmConfig: z.string().nullable(),
});
export type JobDetail = z.infer<typeof jobDetail>;

export const jobQuery = pageQuery.extend({
  status: jobStatus.optional(),
  host: z.string().max(64).optional(),
  image: z.string().max(64).optional(),
  vm: z.string().max(64).optional(),
});

/** `log` without `offset` is the whole; `limit` bytes at most. */
export const logQuery = z.strictObject({
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(64 * 1024 * 1024)
    .optional(),
});

/**
 * One event of a job, as SSE sends it: `id:` is `sequence`, `event:` is `kind`, `data:` is this object as JSON.
 * Sequences count from 1 without a gap within a job, log chunks included. `log` carries bytes as base64, at their offset in the log.
 */
export const jobEvent = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("status"),
    sequence: z.number().int(),
    at: instant,
    status: jobStatus,
    code: z.string().nullable(),
    message: z.string().nullable(),
  }),
  z.object({ kind: z.literal("phase_started"), sequence: z.number().int(), at: instant, phase: jobPhase }),
  z.object({
    kind: z.literal("phase_ended"),
    sequence: z.number().int(),
    at: instant,
    phase: jobPhase,
    durationMs: z.number(),
  }),
  z.object({
    kind: z.literal("staging"),
    sequence: z.number().int(),
    at: instant,
    bytesSent: z.number(),
    bytesTotal: z.number(),
  }),
  z.object({ kind: z.literal("note"), sequence: z.number().int(), at: instant, phase: jobPhase, text: z.string() }),
  z.object({ kind: z.literal("log"), sequence: z.number().int(), at: instant, offset: z.number(), base64: z.string() }),
]);
export type JobEvent = z.infer<typeof jobEvent>;
export const cancelReply = z.object({ outcome: z.enum(["never_started", "asked_to_stop", "too_late"]), job: jobView });
