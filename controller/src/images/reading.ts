// One image as its files say: accepted or not, with what is wrong, its options, its description made safe. All judgement of the format is
// image-format's; this file brings it the texts, bash's opinion of the script, and what the sanitiser would take away.
import { join } from "node:path";
import type { Diagnostic } from "@convirt/image-format/diagnostic";
import { evaluate } from "@convirt/image-format/evaluate";
import { lintImage } from "@convirt/image-format/lint";
import { describeOptions, type OptionDescription } from "@convirt/image-format/options";
import type { Options } from "@convirt/image-format/value";
import { sanitiseDescription, strippedFrom } from "./description.js";
import { checkShell } from "./shell-check.js";
import { maxTextBytes, textFiles } from "./tree/archive/limits.js";
import type { Tree } from "./tree/hash.js";
import { readPlain } from "./tree/place.js";
import { UnfitTree } from "./tree/walk.js";

export interface ImageText {
  text: string;
  executable: boolean;
}

/** The texts of an image, by path. */
export type ImageTexts = ReadonlyMap<string, ImageText>;

export interface ImageReading {
  accepted: boolean;
  /** The first error in one line; undefined for an accepted image. */
  reason: string | undefined;
  diagnostics: Diagnostic[];
  platform: string;
  hvm: boolean;
  osFlavor: string | undefined;
  osName: string | undefined;
  osVersion: string | undefined;
  options: OptionDescription[];
  /** Sanitised. */
  descriptionHtml: string;
  /** Sources as they stand; empty when the file is missing. */
  imageConf: string;
  vmConf: string;
}

const nothing = { platform: "xen", hvm: false, osFlavor: undefined, osName: undefined, osVersion: undefined };

/** The reading of a folder that could not be read at all. */
export function rejectedReading(file: string, why: string): ImageReading {
  const named = why.includes("is no name for an image");
  const diagnostic: Diagnostic = {
    file,
    line: 1,
    column: 1,
    severity: "error",
    code: named ? "bad_image_name" : "missing_file",
    message: why,
    advice: named
      ? "Rename the folder to 1 to 63 of A-Z a-z 0-9 _ . + - that start with a letter, a digit or _."
      : "Replace it by a plain file, or remove it from the image.",
  };
  const empty = { options: [], descriptionHtml: "", imageConf: "", vmConf: "" };
  return { accepted: false, reason: why, diagnostics: [diagnostic], ...nothing, ...empty };
}

/** Reads the texts of `tree` from the disk. Throws UnfitTree when one that the controller must read is too large. */
export async function readTexts(tree: Tree): Promise<Map<string, { text: string; executable: boolean }>> {
  const texts = new Map<string, { text: string; executable: boolean }>();
  let bytes = 0;
  for (const file of tree.files) {
    const wanted = textFiles.has(file.path);
    // Other files are linted as far as they are small; they reach the host as they are in any case.
    if (!wanted && (file.size > 64 * 1024 || bytes + file.size > 4 * maxTextBytes)) continue;
    if (file.size > maxTextBytes)
      throw new UnfitTree(file.path, `it holds ${file.size} bytes; ${maxTextBytes} are the most`);
    const read = await readPlain(join(tree.root, file.path), maxTextBytes);
    if (read === undefined || (!wanted && read.bytes.includes(0))) continue;
    bytes += read.bytes.length;
    texts.set(file.path, { text: read.bytes.toString("utf8"), executable: read.mode === 0o755 });
  }
  return texts;
}

export async function readImage(name: string, tree: Tree): Promise<ImageReading> {
  return await judgeTexts(name, await readTexts(tree));
}

/** Judges an image by its texts, whether they stand on the disk already or are about to be saved. */
export async function judgeTexts(name: string, texts: ImageTexts): Promise<ImageReading> {
  const diagnostics = await lintTexts(name, texts);
  const imageConf = texts.get("image.conf")?.text ?? "";
  const vmConf = texts.get("vm_conf.template")?.text ?? "";
  const vm = evaluate(vmConf, { file: "vm_conf.template", predefined: "vm_conf" });
  const image = evaluate(imageConf, { file: "image.conf", predefined: "image_conf" });
  const error = diagnostics.find(({ severity }) => severity === "error");
  const description = texts.get("description.html") ?? texts.get("description.htm");
  return {
    accepted: error === undefined,
    reason: error === undefined ? undefined : `${error.file}:${error.line}: ${error.message}`,
    diagnostics,
    ...(vm.ok ? facts(vm.options) : nothing),
    options: vm.ok && image.ok ? describeOptions({ imageConf: image, vmConf: vm }) : [],
    descriptionHtml: sanitiseDescription(description?.text ?? ""),
    imageConf,
    vmConf,
  };
}

async function lintTexts(name: string, texts: ImageTexts): Promise<Diagnostic[]> {
  const script = texts.get("provision.sh");
  const shellErrors = script === undefined ? [] : await checkShell("provision.sh", script.text);
  const strippedHtml = ["description.htm", "description.html"].flatMap((file) =>
    strippedFrom(texts.get(file)?.text ?? "").map((stripped) => ({ file, ...stripped })),
  );
  return lintImage({ name, files: new Map(texts), shellErrors, strippedHtml });
}

function facts(options: Options): Pick<ImageReading, "platform" | "hvm" | "osFlavor" | "osName" | "osVersion"> {
  const text = (name: string): string | undefined => {
    const value = options.get(name);
    return typeof value === "string" || typeof value === "bigint" || typeof value === "number"
      ? String(value)
      : undefined;
  };
  return {
    platform: text("platform") ?? "xen",
    hvm: text("builder") === "hvm" || text("type") === "hvm",
    osFlavor: text("os_flavor"),
    osName: text("os_name"),
    osVersion: text("os_version"),
  };
}
