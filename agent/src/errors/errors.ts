// The two ways in which the agent says no. A Refusal came before anything was changed; a Failure ends a job in which work had begun.
// CannotStart ends the program before it serves anybody. Anything else that is thrown is a bug: logged once with its stack, answered as INTERNAL, and the agent stays up.

export type Phase = "check" | "stage" | "script" | "prove" | "start";

/** Codes of refusals, a closed list; docs/errors.md explains each. */
export type RefusalCode =
  | "bad_request"
  | "not_found"
  | "bad_vm_name"
  | "vm_name_taken"
  | "disk_outside_roots"
  | "disk_exists"
  | "disk_invalid"
  | "forbidden_key"
  | "no_such_bridge"
  | "not_enough_memory"
  | "no_space"
  | "config_invalid"
  | "timeout_too_long"
  | "digest_mismatch"
  | "vm_running"
  | "vm_not_on_host"
  | "vm_config_missing"
  | "toolstack_refused"
  | "path_unsafe"
  | "too_many_jobs"
  | "job_forgotten"
  | "image_in_use"
  | "certificate_invalid";

export type FailureCode =
  | "check_failed"
  | "no_space"
  | "staging_failed"
  | "script_failed"
  | "timed_out"
  | "cancelled"
  | "not_proven"
  | "toolstack_failed"
  | "runner_lost"
  | "internal";

/** Nothing has been changed. On the wire: FAILED_PRECONDITION (or INVALID_ARGUMENT, NOT_FOUND) with the code in the metadata `convirt-code`. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: RefusalCode;
  readonly details: Readonly<Record<string, string>>;
  constructor(code: RefusalCode, message: string, details: Readonly<Record<string, string>> = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** Work had begun: the job ends as failed in `phase`. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: FailureCode;
  readonly phase: Phase;
  constructor(code: FailureCode, phase: Phase, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.phase = phase;
  }
}

/** The agent cannot run as it is set up; the message says what to do about it. */
export class CannotStart extends Error {
  override readonly name = "CannotStart";
}
