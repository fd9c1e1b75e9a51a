// What lint says of the options of one file: types that vanish, keys that xl does not know, lists that name nothing, secrets, values that the original mangled.
import type { Diagnostic, DiagnosticCode } from "./diagnostic.js";
import type { Assignment, Evaluation } from "./evaluate.js";
import { reservedShellNames } from "./shell.js";
import type { OptionValue } from "./value.js";
import { convirtKeys, nearestKey, xlKeys } from "./xl/keys.js";

type File = "image.conf" | "vm_conf.template";
type Evaluated = Extract<Evaluation, { ok: true }>;

/** Names under which people keep what nobody else should read. */
const secretName = /passw|secret|token|(^|_)(private|api|ssh_host|encryption)_?key$|(^|_)pw(d)?$/i;

export function lintOptions(file: File, text: string, evaluation: Evaluated): Diagnostic[] {
  const report = reporter(file, evaluation.assignments);
  const found: Diagnostic[] = [];
  for (const [name, type] of evaluation.dropped) {
    if (type === "module") continue;
    const advice =
      type === "bool"
        ? "Write 1 or 0, or 'yes' or 'no'."
        : type === "tuple"
          ? "Write a list, in [ ]."
          : "Write text, a whole number, a fraction, a list or a mapping.";
    found.push(
      report(
        name,
        "warning",
        "dropped_type",
        `"${name}" is a ${type}, which the format does not carry; it vanishes`,
        advice,
      ),
    );
  }
  found.push(...lintLists(evaluation, report));
  for (const [name, value] of evaluation.options) {
    if (file === "vm_conf.template") found.push(...lintKey(name, evaluation, report));
    // What the manager itself writes into a VM's configuration (image_name, image_conf) is meant for the script's own names.
    if (reservedShellNames.has(name) && !convirtKeys.has(name)) found.push(reserved(name, report));
    found.push(...lintSecret(name, value, report), ...lintMangled(name, value, text, report));
  }
  return found;
}

type Report = (
  name: string,
  severity: Diagnostic["severity"],
  code: DiagnosticCode,
  message: string,
  advice: string,
) => Diagnostic;

function reporter(file: File, assignments: readonly Assignment[]): Report {
  return (name, severity, code, message, advice) => {
    const at = assignments.findLast((one) => one.name === name);
    return { file, line: at?.line ?? 1, column: at?.column ?? 1, severity, code, message, advice };
  };
}

const listCodes = [
  ["customizable_options", "unknown_customizable_option"],
  ["computed_options", "unknown_computed_option"],
] as const;

function lintLists(evaluation: Evaluated, report: Report): Diagnostic[] {
  return listCodes.flatMap(([list, code]) => {
    const names = evaluation.options.get(list);
    if (names === undefined) return [];
    if (!Array.isArray(names))
      return [report(list, "warning", code, `${list} is not a list`, `Write ${list}=['option', 'option'].`)];
    return names
      .filter(
        (name) =>
          name !== list &&
          !(typeof name === "string" && (evaluation.options.has(name) || evaluation.dropped.has(name))),
      )
      .map((name) =>
        report(
          list,
          "warning",
          code,
          `${list} names "${String(name)}", and no option is called so`,
          "Correct the name, or take it out of the list.",
        ),
      );
  });
}

function lintKey(name: string, evaluation: Evaluated, report: Report): Diagnostic[] {
  if (xlKeys.has(name) || convirtKeys.has(name) || name === "__doc__") return [];
  const computed = evaluation.options.get("computed_options");
  // A name that the file itself computes or computes with is a variable of the author's.
  if (evaluation.read.has(name) || (Array.isArray(computed) && computed.includes(name))) return [];
  const near = nearestKey(name);
  if (!/^[a-z][._0-9a-z]*$/.test(name)) {
    const code = /[A-Z]/.test(name) ? "upper_case_key" : "not_a_key";
    const advice = near === undefined ? "As a variable it belongs into image.conf." : `Write ${near} if that is meant.`;
    return [
      report(
        name,
        near === undefined ? "info" : "warning",
        code,
        `"${name}" cannot be a key for xl; it is kept out of xl's file`,
        advice,
      ),
    ];
  }
  const advice = near === undefined ? "As a variable it belongs into image.conf." : `Did you mean ${near}?`;
  return [
    report(name, "warning", "unknown_xl_key", `xl knows no "${name}" and would ignore it without a word`, advice),
  ];
}

function reserved(name: string, report: Report): Diagnostic {
  return report(
    name,
    "warning",
    "reserved_name",
    `"${name}" is a name that provision.sh or its shell lives by; it is not passed to scripts`,
    "Choose another name.",
  );
}

function lintSecret(name: string, value: OptionValue, report: Report): Diagnostic[] {
  if (!secretName.test(name) || typeof value !== "string" || value === "" || /^\$\{?[A-Za-z_]\w*\}?$/.test(value))
    return [];
  return [
    report(
      name,
      "warning",
      "secret_in_clear",
      `"${name}" holds a secret in clear`,
      "Leave it empty, and give it when a VM is provisioned.",
    ),
  ];
}

/** The original put values unescaped between double quotes of a shell. Authors worked around that; here every byte arrives. */
function lintMangled(name: string, value: OptionValue, text: string, report: Report): Diagnostic[] {
  if (typeof value !== "string" || !/[`"\\]|\$[0-9({!@#*?$-]|\$[A-Za-z_]/.test(value)) return [];
  const onlyReferences = !/[`"\\]/.test(value) && value.replace(/\$\$|\$\{?[A-Za-z_]\w*\}?/g, "").indexOf("$") < 0;
  if (onlyReferences || !text.includes(name)) return [];
  return [
    report(
      name,
      "info",
      "mangled_value",
      `ConVirt's shell would have changed the value of "${name}"; here it arrives as it is written`,
      "Take out what was written to work around that, if anything.",
    ),
  ];
}
