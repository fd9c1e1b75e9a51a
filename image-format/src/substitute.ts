// The `$` references of the format, by Python's `string.Template.safe_substitute`: `$NAME` and `${NAME}` are replaced where the
// name is known, `$$` is one dollar, everything else stays as it was written. Values put in are not looked at again in that pass.

import { formatPython } from "./python-text.js";
import { maxResult } from "./source/limits.js";
import type { Options, OptionValue } from "./value.js";

/** The names that ConVirt itself knows, in the order of the guide. `AUTOGEN_MAC` is beside them: a new address at each use. */
export interface TemplateVariables {
  IMAGE_STORE: string;
  IMAGE_NAME: string;
  IMAGE_LOCATION: string;
  VM_NAME: string;
  SERVER_NAME: string;
  DEFAULT_BRIDGE: string;
}

export interface SubstitutionRequest {
  imageConf: Options;
  vmConf: Options;
  variables: TemplateVariables;
  /** Becomes the VM configuration's `name`, before anything is replaced. */
  vmName: string;
  /** A new MAC address for each `$AUTOGEN_MAC`. */
  nextMac: () => string;
}

/** The text that substitution would make is larger than 4 MiB: an image that repeats itself into itself. */
export class SubstitutionTooLarge extends Error {
  constructor() {
    super("Replacing the $ names makes more than 4 MiB of text; the image repeats a large value too often.");
  }
}

const reference = /\$(?:(\$)|([_a-zA-Z][_a-zA-Z0-9]*)|\{([_a-zA-Z][_a-zA-Z0-9]*)\})/g;

/** What a name stands for, or undefined where it is not known. */
export type Lookup = (name: string) => string | undefined;

/** Replaces the references of one text. A text without references comes back unchanged. */
export function substituteText(text: string, lookup: Lookup): string {
  if (!text.includes("$")) return text;
  return text.replace(reference, (whole, dollar?: string, plain?: string, braced?: string) => {
    if (dollar !== undefined) return "$";
    return lookup(plain ?? braced ?? "") ?? whole;
  });
}

/** The names that a text refers to by `$NAME` or `${NAME}`, each once, in order: for what is left over after the passes. */
export function templateNames(text: string): string[] {
  const names = new Set<string>();
  for (const [, , plain, braced] of text.matchAll(reference)) {
    const name = plain ?? braced;
    if (name !== undefined) names.add(name);
  }
  return [...names];
}

/**
 * The passes of one provisioning: image.conf with ConVirt's own names, the VM configuration with them, then the VM configuration
 * with the options of image.conf. Text options and the text elements of top-level lists are touched, nothing deeper. Throws
 * `SubstitutionTooLarge` when the result would pass 4 MiB.
 */
export function substituteOptions(request: SubstitutionRequest): { imageConf: Options; vmConf: Options } {
  const { variables, vmName, nextMac } = request;
  const known = new Map<string, string>(Object.entries(variables));
  const own: Lookup = (name) => (name === "AUTOGEN_MAC" ? nextMac() : known.get(name));
  const imageConf = pass(request.imageConf, own);
  const vmConf = pass(new Map(request.vmConf).set("name", vmName), own);
  const texts = new Map<string, string>();
  const fromImage: Lookup = (name) => {
    const value = imageConf.get(name);
    if (value === undefined) return undefined;
    const text = texts.get(name) ?? formatPython(value);
    texts.set(name, text);
    return text;
  };
  return { imageConf, vmConf: pass(vmConf, fromImage) };
}

function pass(options: Options, lookup: Lookup): Options {
  let size = 0;
  const counted: Lookup = (name) => {
    const value = lookup(name);
    size += value?.length ?? 0;
    if (size > maxResult) throw new SubstitutionTooLarge();
    return value;
  };
  return new Map([...options].map(([name, value]) => [name, substituteOption(value, counted)]));
}

function substituteOption(value: OptionValue, lookup: Lookup): OptionValue {
  if (typeof value === "string") return substituteText(value, lookup);
  if (!Array.isArray(value)) return value;
  return value.map((item) => (typeof item === "string" ? substituteText(item, lookup) : item));
}
