// The one shape of an error's body, and the closed list of codes. docs/errors.md says what each means and what to do.
import * as z from "zod";

export const refusalCodes = {
  // What was sent is not well formed.
  bad_request: 400,
  invalid_body: 400,
  body_too_large: 413,
  unsupported_media_type: 415,
  idempotency_key_reused: 422,
  // Who is asking.
  not_signed_in: 401,
  wrong_credentials: 401,
  second_factor_needed: 401,
  oidc_failed: 401,
  token_expired: 401,
  forbidden: 403,
  foreign_origin: 403,
  in_person_only: 403,
  too_many_attempts: 429,
  too_many_streams: 429,
  // What was asked for is not there, or is there already.
  not_found: 404,
  name_taken: 409,
  changed_meanwhile: 409,
  // Enrolment.
  invitation_invalid: 403,
  invitation_expired: 403,
  signing_request_invalid: 400,
  // Images.
  bad_image_name: 400,
  image_rejected: 422,
  image_in_use: 409,
  image_is_template: 422,
  image_other_platform: 422,
  file_not_editable: 400,
  version_not_kept: 409,
  archive_invalid: 422,
  archive_too_large: 413,
  // Provisioning.
  bad_vm_name: 400,
  vm_name_taken: 409,
  option_not_customizable: 422,
  option_invalid: 422,
  option_privileged: 403,
  secrets_needed: 422,
  host_not_in_contact: 409,
  host_draining: 409,
  host_refused: 422,
  job_not_retryable: 409,
  job_not_cleanable: 409,
  // VMs and hosts.
  vm_running: 409,
  vm_not_on_host: 409,
  action_failed: 502,
  host_in_use: 409,
  agent_too_old: 409,
  // The controller itself.
  storage_full: 507,
  storage_unwritable: 503,
  backup_failed: 503,
} as const;
export type RefusalCode = keyof typeof refusalCodes;

/** How a job can fail after work had begun. */
export const failureCodes = [
  "check_failed",
  "no_space",
  "digest_mismatch",
  "staging_failed",
  "script_failed",
  "timed_out",
  "cancelled",
  "not_proven",
  "toolstack_failed",
  "host_refused",
  "runner_lost",
  "internal",
] as const;
export type FailureCode = (typeof failureCodes)[number];

export const errorBody = z.object({
  code: z.string(),
  message: z.string(),
  /** One entry per wrong field, when it is fields that are wrong. */
  fields: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  details: z.record(z.string(), z.json()).optional(),
});
export type ErrorBody = z.infer<typeof errorBody>;
