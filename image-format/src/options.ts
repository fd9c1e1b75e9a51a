// The options of an image as people and programs see them: what may be edited, of which type, and how the values that an operator gives are joined in.
import type { Evaluation } from "./evaluate.js";
import { fromJson } from "./json.js";
import { type Reach, reachOf } from "./reach.js";
import { secretNames } from "./secrets.js";
import type { Options, OptionValue } from "./value.js";

type File = "image.conf" | "vm_conf.template";
type Evaluated = Extract<Evaluation, { ok: true }>;

export type OptionType = "text" | "integer" | "float" | "list" | "dict";

export interface OptionDescription {
  name: string;
  file: File;
  type: OptionType;
  /** As the file gives it, before substitution. */
  default: OptionValue;
  /** Evaluated for each host, and not edited. */
  computed: boolean;
  /** May be set when a VM is provisioned. */
  customizable: boolean;
  /** Its value is never shown. */
  secret: boolean;
  /** Where its value ends up. */
  reach: Reach;
  /** Where it is bound last; 0 when that is not known. */
  line: number;
}

export interface OptionRefusal {
  name: string;
  code: "not_customizable" | "privileged" | "computed" | "unknown_option" | "wrong_type" | "bad_value";
  message: string;
}

const defaultComputed = ["arch", "arch_libdir", "device_model"];
/** The lists themselves and the VM's name are not options to be set. */
const structural: ReadonlySet<string> = new Set(["computed_options", "customizable_options", "secret_options"]);

function names(options: Options, list: string): string[] | undefined {
  const value = options.get(list);
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : undefined;
}

/** Options that are computed: those that the file lists, and in a VM configuration ConVirt's own three. */
export function computedOptions(options: Options, file: File): ReadonlySet<string> {
  return new Set([
    ...(file === "vm_conf.template" ? defaultComputed : []),
    ...(names(options, "computed_options") ?? []),
  ]);
}

/** Whether an operator may set an option; without a `customizable_options` list all may be set. */
function isCustomizable(options: Options, file: File, name: string): boolean {
  if (structural.has(name) || computedOptions(options, file).has(name)) return false;
  const list = names(options, "customizable_options");
  return list === undefined || list.includes(name);
}

export function typeOf(value: OptionValue): OptionType {
  if (typeof value === "string") return "text";
  if (typeof value === "bigint") return "integer";
  if (typeof value === "number") return "float";
  return Array.isArray(value) ? "list" : "dict";
}

/** All options of both files, by name within each file. `name` of the VM configuration is the VM's and not listed. */
export function describeOptions(files: { imageConf: Evaluated; vmConf: Evaluated }): OptionDescription[] {
  const describe = (file: File, evaluation: Evaluated): OptionDescription[] =>
    [...evaluation.options]
      .filter(([name]) => !structural.has(name) && !(file === "vm_conf.template" && name === "name"))
      .map(([name, value]) => ({
        name,
        file,
        type: typeOf(value),
        default: value,
        computed: computedOptions(evaluation.options, file).has(name),
        customizable: isCustomizable(evaluation.options, file, name),
        reach: reachOf(file, name),
        secret: secretNames(evaluation.options).has(name),
        line: evaluation.assignments.findLast((one) => one.name === name)?.line ?? 0,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  return [...describe("image.conf", files.imageConf), ...describe("vm_conf.template", files.vmConf)];
}

export interface MergeRequest {
  file: File;
  /** Refuse what the image does not let one customise, and new names. */
  enforce: boolean;
}

/**
 * The options with an operator's values (parsed JSON) in place of the file's. Text is read by the option's own type, so that `"512"` sets a number where one is
 * wanted. Everything that is wrong is refused at once, and nothing is merged then.
 */
export function mergeValues(
  options: Options,
  values: Record<string, unknown>,
  request: MergeRequest,
): { options: Options } | { refusals: OptionRefusal[] } {
  const merged: Options = new Map(options);
  const refusals: OptionRefusal[] = [];
  for (const [name, json] of Object.entries(values)) {
    const outcome = mergeOne(options, name, json, request);
    if ("code" in outcome) refusals.push(outcome);
    else merged.set(name, outcome.value);
  }
  return refusals.length > 0 ? { refusals } : { options: merged };
}

function mergeOne(
  options: Options,
  name: string,
  json: unknown,
  { file, enforce }: MergeRequest,
): { value: OptionValue } | OptionRefusal {
  const refuse = (code: OptionRefusal["code"], message: string): OptionRefusal => ({ name, code, message });
  if (!/^[A-Za-z_][A-Za-z0-9_.]*$/.test(name)) return refuse("unknown_option", `"${name}" cannot be an option's name`);
  if (structural.has(name) || (file === "vm_conf.template" && name === "name"))
    return refuse("not_customizable", `"${name}" is not an option that can be set`);
  if (computedOptions(options, file).has(name))
    return refuse("computed", `"${name}" of ${file} is computed, and not set`);
  const before = options.get(name);
  if (enforce && before === undefined) return refuse("unknown_option", `${file} has no option "${name}"`);
  if (enforce && !isCustomizable(options, file, name))
    return refuse("not_customizable", `"${name}" of ${file} is not customizable: the image's author locked it`);
  const bad = badText(json, 0);
  if (bad !== undefined) return refuse("bad_value", `"${name}": ${bad}`);
  const value = before === undefined ? untyped(json) : typed(json, typeOf(before));
  return value === undefined
    ? refuse(
        "wrong_type",
        `"${name}" takes ${before === undefined ? "text, a number, a list or a mapping" : wanted[typeOf(before)]}, not ${JSON.stringify(json)?.slice(0, 80)}`,
      )
    : { value };
}

const wanted: Record<OptionType, string> = {
  text: "text",
  integer: "a whole number",
  float: "a number",
  list: "a list",
  dict: "a mapping",
};
const deepest = 20;
const longestText = 64 * 1024;

/** What no configuration can hold: NUL and other control characters but newline and tab, lone surrogates, endless depth. */
function badText(json: unknown, depth: number): string | undefined {
  if (depth > deepest) return "it is nested too deeply";
  if (typeof json === "string") {
    if (json.length > longestText) return `it holds ${json.length} characters, ${longestText} at most are taken`;
    if (/(?![\n\t])\p{Cc}/u.test(json)) return "it holds a control character";
    return /\p{Cs}/u.test(json) ? "it is not well-formed Unicode" : undefined;
  }
  if (typeof json !== "object" || json === null) return undefined;
  for (const [key, item] of Object.entries(json)) {
    const bad = badText(key, depth + 1) ?? badText(item, depth + 1);
    if (bad !== undefined) return bad;
  }
  return undefined;
}

function typed(json: unknown, type: OptionType): OptionValue | undefined {
  if (type === "text")
    return typeof json === "string"
      ? json
      : typeof json === "number" && Number.isFinite(json)
        ? String(json)
        : undefined;
  if (type === "integer") return integer(json);
  if (type === "float") {
    const value = typeof json === "string" && /^\s*-?\d+(\.\d+)?(e[+-]?\d+)?\s*$/i.test(json) ? Number(json) : json;
    return typeof value === "number" && Number.isFinite(value) ? value : undefined;
  }
  if (type === "list") return Array.isArray(json) ? (fromJson(json) as OptionValue) : undefined;
  return typeof json === "object" && json !== null && !Array.isArray(json)
    ? (fromJson(json) as OptionValue)
    : undefined;
}

const largest = 2n ** 63n;

function integer(json: unknown): bigint | undefined {
  const text =
    typeof json === "number" && Number.isSafeInteger(json) ? String(json) : typeof json === "string" ? json.trim() : "";
  if (!/^-?\d{1,19}$/.test(text)) return undefined;
  const value = BigInt(text);
  return value < largest && value >= -largest ? value : undefined;
}

/** A new option of an image being edited: its type is that of the JSON. */
function untyped(json: unknown): OptionValue | undefined {
  if (json === null || json === undefined || typeof json === "boolean") return undefined;
  return fromJson(json) as OptionValue;
}
