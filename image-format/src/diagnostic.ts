/** The weight of a diagnostic: an `error` rejects the image (or the request), a `warning` and an `info` never do. */
export type Severity = "error" | "warning" | "info";

/**
 * One finding about one place in an image's file. `line` and `column` count from 1; a finding about a whole file is at 1:1.
 * `message` says what was found, `advice` what to write instead.
 */
export interface Diagnostic {
  file: string;
  line: number;
  column: number;
  severity: Severity;
  code: DiagnosticCode;
  message: string;
  advice: string;
}

/** The closed list of codes; docs/writing-images.md explains each. */
export type DiagnosticCode =
  | "syntax"
  | "refused_construct"
  | "evaluation_failed"
  | "limit_exceeded"
  | "missing_name"
  | "missing_file"
  | "dropped_type"
  | "left_over_name"
  | "unknown_xl_key"
  | "upper_case_key"
  | "not_a_key"
  | "xl_number"
  | "xl_value"
  | "xl_syntax"
  | "xl_disk"
  | "xl_vif"
  | "unknown_customizable_option"
  | "unknown_computed_option"
  | "missing_script"
  | "script_not_executable"
  | "script_without_interpreter"
  | "script_syntax"
  | "script_calls_python"
  | "crlf"
  | "byte_order_mark"
  | "not_utf8"
  | "secret_in_clear"
  | "mangled_value"
  | "reserved_name"
  | "stripped_html"
  | "platform_not_provisioned"
  | "bad_image_name";
