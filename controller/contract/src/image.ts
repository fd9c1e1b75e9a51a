// Images of the store, with what is wrong with them.
import * as z from "zod";
import { imageName, instant, optionValue, optionValues, sha256 } from "./names.js";
import { pageQuery } from "./page.js";

export const diagnosticView = z.object({
  file: z.string(),
  line: z.number().int(),
  column: z.number().int(),
  severity: z.enum(["error", "warning", "info"]),
  code: z.string(),
  message: z.string(),
  advice: z.string(),
});
export type DiagnosticView = z.infer<typeof diagnosticView>;

export const imageSummary = z.object({
  name: z.string(),
  accepted: z.boolean(),
  /** A leading `_`: for create-like only. */
  template: z.boolean(),
  /** Why it cannot be provisioned, in one line; null when it can. */
  reason: z.string().nullable(),
  platform: z.string(),
  hvm: z.boolean(),
  osFlavor: z.string().nullable(),
  osName: z.string().nullable(),
  osVersion: z.string().nullable(),
  /** Digest of the image's tree of files; null when the folder could not be read. */
  version: sha256.nullable(),
  bytes: z.number(),
  changedAt: instant,
  vms: z.number().int(),
});
export type ImageSummary = z.infer<typeof imageSummary>;

export const optionView = z.object({
  name: z.string(),
  file: z.enum(["image.conf", "vm_conf.template"]),
  type: z.enum(["text", "integer", "float", "list", "dict"]),
  default: optionValue,
  computed: z.boolean(),
  customizable: z.boolean(),
  /** Declared secret by the image: the value is never shown, and `default` is empty here. */
  secret: z.boolean(),
  /** Where its value ends up: data about the guest, the image's script, or what reaches into the host and takes the role raw_config. */
  reach: z.enum(["plain", "shell", "privileged"]),
});
export type OptionView = z.infer<typeof optionView>;
export const imageFile = z.object({ path: z.string(), bytes: z.number(), mode: z.string(), sha256 });
export const imageVersion = z.object({
  version: sha256,
  seenAt: instant,
  files: z.number().int(),
  bytes: z.number(),
  current: z.boolean(),
});

export const imageView = imageSummary.extend({
  /** Sanitised; safe to set as HTML. */
  descriptionHtml: z.string(),
  diagnostics: z.array(diagnosticView),
  options: z.array(optionView),
  files: z.array(imageFile),
  versions: z.array(imageVersion),
});
export type ImageView = z.infer<typeof imageView>;

export const fileState = z.object({ mode: z.string(), bytes: z.number(), sha256 });
/** A hunk of a unified diff. Each line begins with what it is: a blank, `-`, `+`, or `\` where a file's last line has no end. */
export const diffHunk = z.object({
  oldStart: z.number().int(),
  oldLines: z.number().int(),
  newStart: z.number().int(),
  newLines: z.number().int(),
  lines: z.array(z.string()),
});
export type DiffHunk = z.infer<typeof diffHunk>;
export const fileDiff = z.object({
  path: z.string(),
  change: z.enum(["added", "removed", "changed", "mode_changed"]),
  before: fileState.nullable(),
  after: fileState.nullable(),
  /** Whether texts could be compared, or why not: one is no text, holds the value of a secret option, is larger than is kept, or beyond what is kept of one version. */
  shown: z.enum(["text", "binary", "secret", "too_large", "beyond_limit"]),
  hunks: z.array(diffHunk),
  /** All between the first and the last line that differ is shown as replaced: there are too many for the shortest diff to be looked for. */
  coarse: z.boolean(),
  /** How many more lines the hunks would have; an answer holds no more than it may. */
  linesLeftOut: z.number().int(),
});
export type FileDiff = z.infer<typeof fileDiff>;
export const imageDiff = z.object({
  image: z.string(),
  before: imageVersion,
  after: imageVersion,
  /** Those that are not the same in both, by path. */
  files: z.array(fileDiff),
  /** How many are the same in both. */
  same: z.number().int(),
  /** How many more differ. */
  filesLeftOut: z.number().int(),
});
export type ImageDiff = z.infer<typeof imageDiff>;

export const imageQuery = pageQuery.extend({
  accepted: z.stringbool().optional(),
  name: z.string().max(64).optional(),
});
export const scanReply = z.object({
  images: z.number().int(),
  accepted: z.number().int(),
  rejected: z.number().int(),
  changed: z.array(z.string()),
});
export const createLikeBody = z.strictObject({ name: imageName });
/** `sha256` is that of the file as it was read: a save over somebody else's is refused. Null for a new file. */
export const saveFileBody = z.strictObject({
  text: z.string().max(1024 * 1024),
  sha256: sha256.nullable(),
  /** Save although lint finds errors. */
  force: z.boolean().default(false),
});
export const fileView = z.object({ path: z.string(), text: z.string(), sha256, mode: z.string() });
export const savedFile = z.object({ sha256, diagnostics: z.array(diagnosticView) });
export const editOptionsBody = z.strictObject({
  imageConf: z.strictObject({ set: optionValues.default({}), unset: z.array(z.string()).default([]) }).optional(),
  vmConf: z.strictObject({ set: optionValues.default({}), unset: z.array(z.string()).default([]) }).optional(),
  force: z.boolean().default(false),
});
/** Texts that are not saved, by path; and options to be set in them first. */
export const draftBody = z.strictObject({
  files: z.record(z.string().max(300), z.string().max(1024 * 1024)),
  imageConf: z.strictObject({ set: optionValues.default({}), unset: z.array(z.string()).default([]) }).optional(),
  vmConf: z.strictObject({ set: optionValues.default({}), unset: z.array(z.string()).default([]) }).optional(),
});
export const draftReply = z.object({
  accepted: z.boolean(),
  diagnostics: z.array(diagnosticView),
  options: z.array(optionView),
  /** Sanitised; safe to set as HTML. */
  descriptionHtml: z.string(),
  /** The texts that setting options has changed, by path. */
  rewritten: z.record(z.string(), z.string()),
});
export type DraftReply = z.infer<typeof draftReply>;
export const importQuery = z.strictObject({
  name: imageName.optional(),
  modernise: z.stringbool().default(false),
  replace: z.stringbool().default(false),
});
export const exportQuery = z.strictObject({ format: z.enum(["tar", "gz", "zst"]).default("gz") });
export const removeImageQuery = z.strictObject({ force: z.stringbool().default(false) });
