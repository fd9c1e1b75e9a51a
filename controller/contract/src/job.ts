// Provision jobs, their states and their events.
import * as z from "zod";
import { diagnosticView } from "./image.js";
import { hostName, imageName, instant, lines, optionValues, sha256, uuid, vmName } from "./names.js";
import { pageQuery } from "./page.js";
import * as status from "./status.js";

export const jobStatus = z.enum(status.jobStatuses);
export type JobStatus = z.infer<typeof jobStatus>;
export const finalStatuses = status.finalStatuses;
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
  /** When it does not succeed, what it left on the host is cleaned at once. */
  cleanOnFailure: z.boolean().default(false),
  reason: lines(500).optional(),
});
export type ProvisionBody = z.infer<typeof provisionBody>;

/** The secret values of the job's request, which are not kept: nothing else can be given. */
export const retryBody = z
  .strictObject({ imageConf: optionValues.default({}), vmConf: optionValues.default({}) })
  .prefault({});

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
/** `path` is a process's number, a domain's name; `detail` a process's command, a domain's uuid, a mount's source, a loop device's file. */
export const leftoverView = z.object({ kind: z.string(), path: z.string(), bytes: z.number(), detail: z.string() });
export type LeftoverView = z.infer<typeof leftoverView>;
/** What could not be cleaned, and why. */
export const keptLeftover = leftoverView.extend({ code: z.string(), message: z.string() });
/** What was cleaned of a job, by whom and when. */
export const cleanedLeftover = leftoverView.extend({ at: instant, by: z.string() });

/** `removed`: the host was removed from the controller, which knows nothing of it any more. */
export const jobHostContact = z.enum(["in_contact", "silent", "removed"]);

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
  hostContact: jobHostContact,
  /** Set while the job has not ended and its host is silent: it may go on there. */
  contactLostSince: instant.nullable(),
  /** Code and sentence of a job that did not succeed. */
  code: z.string().nullable(),
  message: z.string().nullable(),
  exitCode: z.number().int().nullable(),
  logBytes: z.number(),
  logSha256: sha256.nullable(),
  /** What is wrong with the stored log, when it is not the host's byte for byte; null otherwise. */
  logFault: z.string().nullable(),
  /** The log reached its host's limit: it ends with a line that says so. */
  logCut: z.boolean(),
});
export type JobView = z.infer<typeof jobView>;

export const jobDetail = jobView.extend({
  /** Without the values of secret options. */
  request: provisionBody,
  /** Which secret options the request gave values for, and a retry must give again. */
  secretNames: z.object({ imageConf: z.array(z.string()), vmConf: z.array(z.string()) }),
  phases: z.array(z.object({ phase: jobPhase, startedAt: instant, durationMs: z.number().nullable() })),
  proofs: z.array(proofView),
  /** What the job left on its host and is there still, as far as is known. */
  leftovers: z.array(leftoverView),
  cleaned: z.array(cleanedLeftover),
  disks: z.array(
    z.object({ target: z.string(), device: z.string(), format: z.string(), bytes: z.number(), writable: z.boolean() }),
  ),
  vmConfigPath: z.string().nullable(),
  vmConfig: z.string().nullable(),
  /** The last event's; who has read this answer and the log up to `logBytes` goes on following from here. */
  lastSequence: z.number().int(),
  /** How far the sending of files has come, or came; null when nothing had to be sent. */
  staging: z.object({ bytesSent: z.number(), bytesTotal: z.number() }).nullable(),
  /** What was worth a remark, the last 50. */
  notes: z.array(z.object({ phase: jobPhase, at: instant, text: z.string() })),
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
 * A reader who may read no further is sent `streamRefused` of live.ts instead, as the last.
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
  /** Leftovers were cleaned; comes after the final status when somebody asked for it later. */
  z.object({
    kind: z.literal("cleaned"),
    sequence: z.number().int(),
    at: instant,
    by: z.string(),
    cleaned: z.array(leftoverView),
    kept: z.array(keptLeftover),
  }),
]);
export type JobEvent = z.infer<typeof jobEvent>;

/**
 * `never_started`: nothing of it ever ran. `asked_to_stop`: it will be ended on its host. `too_late`: it cannot be stopped any more, as it has
 * ended or is past the point. `hostTold` is false while the host is silent: it is told when it is in contact again.
 */
export const cancelReply = z.object({
  outcome: z.enum(["never_started", "asked_to_stop", "too_late"]),
  hostTold: z.boolean(),
  job: jobView,
});
export type CancelReply = z.infer<typeof cancelReply>;
export const cleanReply = z.object({ cleaned: z.array(leftoverView), kept: z.array(keptLeftover), job: jobView });
export type CleanReply = z.infer<typeof cleanReply>;
