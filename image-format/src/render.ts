// From an image's two files and what a person asked for to what a VM would get: evaluate, merge, substitute, write. The one way by which the command line,
// the controller's dry run and a real request render, so that all three show the same.
import type { Diagnostic } from "./diagnostic.js";
import { type Assignment, type Evaluation, evaluate, type HostView } from "./evaluate.js";
import { mergeValues, type OptionRefusal } from "./options.js";
import { reprPython } from "./python-text.js";
import { entriesOf, isPrivileged, isWithin } from "./reach.js";
import { lineStartsOf, placeIn } from "./source/stopped.js";
import { SubstitutionTooLarge, substituteOptions, templateNames } from "./substitute.js";
import type { DroppedType, Options, Value } from "./value.js";
import { renderXl, safeDisk } from "./xl/render.js";
import { renderXm } from "./xl/render-xm.js";

export interface RenderRequest {
  /** The image's name, and the name of its folder. */
  image: string;
  location: string;
  /** Source of image.conf and of vm_conf.template. */
  imageConf: string;
  vmConf: string;
  vmName: string;
  host: HostView;
  /** `bridge`: found on the host; without it image.conf's DEFAULT_BRIDGE, else xenbr0. */
  variables: { store: string; serverName: string; bridge?: string };
  /** An operator's values, as parsed JSON. */
  imageValues?: Record<string, unknown>;
  vmValues?: Record<string, unknown>;
  /** Refuse values for options that the image does not let one customise. */
  enforceCustomizable: boolean;
  /** Let values reach what is root on the host (reach.ts). The image's own values always may. */
  allowPrivileged?: boolean;
  /** Folders in which values that may not reach the host may place disks, kernel and ramdisk all the same. */
  roots?: readonly string[];
  toolstack: "xl" | "xm";
  /** A new MAC address for each $AUTOGEN_MAC. */
  nextMac: () => string;
  uuid?: string;
}

export interface RenderedFile {
  raw: Options;
  dropped: Map<string, DroppedType>;
  substituted: Options;
}

export type Rendered =
  | { ok: true; imageConf: RenderedFile; vmConf: RenderedFile; vmConfig: string; diagnostics: Diagnostic[] }
  /** A file is rejected (`diagnostics`), or what was asked for is (`refusals`). */
  | { ok: false; diagnostics: Diagnostic[]; refusals: OptionRefusal[] };

/** Renders. Never throws on any files or values. `diagnostics` of a success may hold errors: the toolstack would refuse `vmConfig`. */
export function renderImage(request: RenderRequest): Rendered {
  const imageFile = evaluate(request.imageConf, { file: "image.conf", host: request.host, predefined: "image_conf" });
  const vmFile = evaluate(request.vmConf, { file: "vm_conf.template", host: request.host, predefined: "vm_conf" });
  const rejected = [...rejections(imageFile), ...rejections(vmFile)];
  if (!imageFile.ok || !vmFile.ok) return { ok: false, diagnostics: rejected, refusals: [] };
  if (!vmFile.options.has("name")) return { ok: false, diagnostics: [missingName], refusals: [] };

  const image = mergeValues(imageFile.options, request.imageValues ?? {}, {
    file: "image.conf",
    enforce: request.enforceCustomizable,
  });
  const vm = mergeValues(vmFile.options, request.vmValues ?? {}, {
    file: "vm_conf.template",
    enforce: request.enforceCustomizable,
  });
  const refusals = ["refusals" in image ? image.refusals : [], "refusals" in vm ? vm.refusals : []].flat();
  if ("refusals" in image || "refusals" in vm) return { ok: false, diagnostics: [], refusals };
  const files = { imageFile, vmFile, image: image.options, vm: vm.options };
  const gained = request.allowPrivileged === false ? reached(request, files) : [];
  return gained.length > 0 ? { ok: false, diagnostics: [], refusals: gained } : write(request, files);
}

const missingName: Diagnostic = {
  file: "vm_conf.template",
  line: 1,
  column: 1,
  severity: "error",
  code: "missing_name",
  message: "The template sets no `name`",
  advice: "Add the line: name=''",
};

function rejections(file: Evaluation): Diagnostic[] {
  return file.ok ? [] : file.diagnostics;
}

interface Merged {
  imageFile: Extract<Evaluation, { ok: true }>;
  vmFile: Extract<Evaluation, { ok: true }>;
  image: Options;
  vm: Options;
}

function write(request: RenderRequest, files: Merged): Rendered {
  const substituted = substitute(request, files);
  if (!("vmConf" in substituted)) return { ok: false, diagnostics: [substituted], refusals: [] };
  const render = request.toolstack === "xl" ? renderXl : renderXm;
  const rendered = render(substituted.vmConf, {
    vmName: request.vmName,
    ...(request.uuid === undefined ? {} : { uuid: request.uuid }),
  });
  const bindings = new Map(files.vmFile.assignments.map((one) => [one.name, one]));
  const place = (one: Diagnostic): Diagnostic => {
    const binding = bindings.get(one.message.match(/^[A-Za-z_][A-Za-z0-9_]*/)?.[0] ?? "");
    return binding === undefined ? one : { ...one, ...placeOf(one, binding, request.vmConf) };
  };
  const diagnostics = [
    ...rendered.diagnostics,
    ...injections(files.vm, substituted.vmConf),
    ...leftOvers(rendered.text),
  ].map(place);
  return {
    ok: true,
    imageConf: { raw: files.image, dropped: files.imageFile.dropped, substituted: substituted.imageConf },
    vmConf: { raw: files.vm, dropped: files.vmFile.dropped, substituted: substituted.vmConf },
    vmConfig: rendered.text,
    diagnostics,
  };
}

/** Where an option is bound; for a left-over name, where it stands in there, if it does. */
function placeOf(diagnostic: Diagnostic, binding: Assignment, source: string): { line: number; column: number } {
  const { line, column, from, to } = binding;
  const name = diagnostic.code === "left_over_name" ? /\$[A-Za-z_]\w*$/.exec(diagnostic.message)?.[0] : undefined;
  if (name === undefined) return { line, column };
  const statement = source.slice(from, to);
  const plain = statement.search(new RegExp(`\\${name}\\b`));
  const at = plain < 0 ? statement.indexOf(`\${${name.slice(1)}}`) : plain;
  return at < 0 ? { line, column } : placeIn(lineStartsOf(source), from + at);
}

function substitute(request: RenderRequest, files: Merged): { imageConf: Options; vmConf: Options } | Diagnostic {
  const { image, location, vmName, nextMac, variables } = request;
  const option = files.image.get("DEFAULT_BRIDGE");
  const bridge = variables.bridge ?? (typeof option === "string" ? option : "xenbr0");
  try {
    return substituteOptions({
      imageConf: files.image,
      vmConf: files.vm,
      variables: {
        IMAGE_STORE: variables.store,
        IMAGE_NAME: image,
        IMAGE_LOCATION: location,
        VM_NAME: vmName,
        SERVER_NAME: variables.serverName,
        DEFAULT_BRIDGE: bridge,
      },
      vmName,
      nextMac,
    });
  } catch (error) {
    if (!(error instanceof SubstitutionTooLarge)) throw error;
    return {
      file: "vm_conf.template",
      line: 1,
      column: 1,
      severity: "error",
      code: "limit_exceeded",
      message: error.message,
      advice: "Repeat less.",
    };
  }
}

/**
 * A value that is put into a disk or network entry must not add a part to it: `bridge=$B` with B = "x,script=/y" would run /y as root. So an entry has the same
 * number of commas, and a network entry the same keys, before and after.
 */
function injections(before: Options, after: Options): Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const key of ["disk", "vif"] as const) {
    const raw = listOf(before.get(key));
    const filled = listOf(after.get(key));
    for (const [index, entry] of filled.entries()) {
      const template = raw[index];
      if (typeof entry !== "string" || typeof template !== "string" || template === entry) continue;
      if (shape(template, key) === shape(entry, key)) continue;
      found.push({
        file: "vm_conf.template",
        line: 1,
        column: 1,
        severity: "error",
        code: key === "disk" ? "xl_disk" : "xl_vif",
        message: `${key} "${entry}": a value put into "${template}" adds a part to the entry`,
        advice: "Values in disk and network entries may hold no comma, and no = in a network entry.",
      });
    }
  }
  return found;
}

function listOf(value: Value | undefined): readonly Value[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

function shape(entry: string, key: "disk" | "vif"): string {
  return key === "disk"
    ? String(entry.split(",").length)
    : entry
        .split(",")
        .map((part) => part.split("=").slice(0, -1).join("=").trim())
        .join(",");
}

/** `$NAME` that nothing filled in, in what the toolstack would read: it would take it for a part of a path. */
function leftOvers(vmConfig: string): Diagnostic[] {
  return vmConfig.split("\n").flatMap((line) => {
    const key = line.split(" ", 1)[0] ?? "";
    return templateNames(line).map(
      (name): Diagnostic => ({
        file: "vm_conf.template",
        line: 1,
        column: 1,
        severity: "error",
        code: "left_over_name",
        message: `${key}: nothing fills in $${name}`,
        advice: `Set ${name} in image.conf, or write $$${name} twice over ($$$$${name}) if a dollar is meant.`,
      }),
    );
  });
}

/**
 * What the values of one who may not reach the host would change there: keys that reach it, directly or through a `$NAME` in them, and disks that would lie
 * elsewhere than the host allows.
 */
function reached(request: RenderRequest, files: Merged): OptionRefusal[] {
  // The same addresses in both: a difference is then the values' own.
  const fixed = { ...request, nextMac: () => "00:16:3e:00:00:00" };
  const asked = substitute(fixed, files);
  const own = substitute(fixed, { ...files, image: files.imageFile.options, vm: files.vmFile.options });
  // What is too large to be put together is refused as such.
  if (!("vmConf" in asked) || !("vmConf" in own)) return [];
  const refusals: OptionRefusal[] = [];
  for (const [name, value] of asked.vmConf) {
    const before = own.vmConf.get(name);
    const had = new Set(entriesOf(before).map(reprPython));
    const isOther = before === undefined || reprPython(before) !== reprPython(value);
    if (!isOther) continue;
    const isDirect = Object.hasOwn(request.vmValues ?? {}, name);
    const changed = entriesOf(value).filter((entry) => !had.has(reprPython(entry)));
    const roots = request.roots ?? [];
    const outside = name === "disk" ? changed.find((entry) => !isDiskWithin(entry, roots)) : undefined;
    if (outside !== undefined)
      refusals.push(privileged(name, `the disk "${String(outside)}" lies outside of the folders that the host allows`));
    else if (isPrivileged(name, value) && !isBootFile(name, value, isDirect ? [] : roots))
      refusals.push(
        privileged(
          name,
          isDirect ? "it reaches into the host" : "it reaches into the host, and would be another by what you set",
        ),
      );
  }
  return refusals;
}

function privileged(name: string, why: string): OptionRefusal {
  return { name, code: "privileged", message: `"${name}" is not yours to set: ${why}; that takes the role raw_config` };
}

/** What is no disk that we could write is refused elsewhere, for that. */
function isDiskWithin(entry: Value, roots: readonly string[]): boolean {
  const disk = typeof entry === "string" && entry.trim() !== "" ? safeDisk(entry) : "no text";
  return typeof disk === "string" || disk.target === "" || isWithin(disk.target, roots);
}

/** A kernel or ramdisk that the image's script puts beside the disks. */
function isBootFile(name: string, value: Value, roots: readonly string[]): boolean {
  return ["kernel", "ramdisk"].includes(name) && typeof value === "string" && isWithin(value, roots);
}
