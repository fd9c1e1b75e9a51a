// What is wrong with an image, before anybody provisions it. Errors are what cannot be provisioned safely and reject the image; everything else is a warning
// or a remark, so that images of 2009 are accepted with advice. What needs a disk or a process (modes, `bash -n`, the HTML sanitiser) is handed in.
import type { Diagnostic } from "./diagnostic.js";
import { type Assignment, type Evaluation, evaluate, type HostView } from "./evaluate.js";
import { lintOptions } from "./lint-options.js";
import { lintScript, type ShellError } from "./lint-script.js";
import { renderImage } from "./render.js";

export interface LintInput {
  /** The image's name: that of its folder. */
  name: string;
  /** Its text files by path. */
  files: ReadonlyMap<string, { text: string; executable: boolean }>;
  host?: HostView;
  /** What `bash -n` said of scripts. */
  shellErrors?: readonly ShellError[];
  /** Markup of the description that will not be shown. */
  strippedHtml?: readonly { file: string; line: number; what: string }[];
}

const configFiles = ["image.conf", "vm_conf.template"] as const;
const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,62}$/;

/** All findings, by file and line. Never throws. The image is accepted when none is an error. */
export function lintImage(input: LintInput): Diagnostic[] {
  const found: Diagnostic[] = [];
  if (!namePattern.test(input.name)) {
    found.push(
      whole(
        ".",
        "bad_image_name",
        `"${input.name}" cannot be an image's name`,
        "Use 1 to 63 of A-Z a-z 0-9 _ . + - and start with a letter, a digit or _.",
      ),
    );
  }
  const evaluations = new Map<string, Extract<Evaluation, { ok: true }>>();
  for (const file of configFiles) found.push(...lintConfig(file, input, evaluations));
  found.push(...lintRendering(input, evaluations));
  found.push(...lintScript(input.files, input.shellErrors ?? []));
  for (const one of input.strippedHtml ?? []) {
    found.push({
      file: one.file,
      line: one.line,
      column: 1,
      severity: "warning",
      code: "stripped_html",
      message: `${one.what} is not shown`,
      advice: "Use headings, paragraphs, lists, tables, b, i, tt and links.",
    });
  }
  return sorted(found);
}

export function whole(
  file: string,
  code: Diagnostic["code"],
  message: string,
  advice: string,
  severity: Diagnostic["severity"] = "error",
): Diagnostic {
  return { file, line: 1, column: 1, severity, code, message, advice };
}

/** The finding that an image lacks one of the files without which it is none. */
export function missingFile(file: string): Diagnostic {
  return whole(file, "missing_file", `The image has no ${file}`, `Add one; example/${file} of the store is a start.`);
}

function lintConfig(
  file: (typeof configFiles)[number],
  input: LintInput,
  evaluations: Map<string, Extract<Evaluation, { ok: true }>>,
): Diagnostic[] {
  const text = input.files.get(file)?.text;
  if (text === undefined) return [missingFile(file)];
  const found: Diagnostic[] = [];
  if (text.startsWith("\ufeff"))
    found.push(
      whole(
        file,
        "byte_order_mark",
        "The file starts with a byte order mark",
        "Save it as UTF-8 without one.",
        "warning",
      ),
    );
  if (text.includes("\ufffd"))
    found.push(whole(file, "not_utf8", "The file is not UTF-8", "Save it as UTF-8.", "warning"));
  if (text.includes("\r")) {
    found.push({
      ...whole(file, "crlf", "The file has DOS line ends", "Save it with Unix line ends.", "warning"),
      ...placeOf(text, text.indexOf("\r")),
    });
  }
  const predefined = file === "image.conf" ? "image_conf" : "vm_conf";
  const evaluation = evaluate(text, { file, predefined, ...(input.host === undefined ? {} : { host: input.host }) });
  if (!evaluation.ok) return [...found, ...evaluation.diagnostics];
  evaluations.set(file, evaluation);
  if (file === "vm_conf.template" && !evaluation.options.has("name")) {
    found.push(whole(file, "missing_name", "The template sets no `name`", "Add the line: name=''"));
  }
  return [...found, ...lintOptions(file, text, evaluation)];
}

export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

/** What a VM of this image would give the toolstack: left-over names, disks, cards and numbers that xl refuses. */
function lintRendering(
  input: LintInput,
  evaluations: ReadonlyMap<string, Extract<Evaluation, { ok: true }>>,
): Diagnostic[] {
  const vmConf = evaluations.get("vm_conf.template");
  if (evaluations.size < configFiles.length || !vmConf?.options.has("name")) return [];
  const rendered = renderImage({
    image: input.name,
    location: input.name,
    imageConf: input.files.get("image.conf")?.text ?? "",
    vmConf: input.files.get("vm_conf.template")?.text ?? "",
    vmName: "Lint",
    host: input.host ?? { machine: "x86_64" },
    variables: { store: "/var/cache/convirt/image_store", serverName: "localhost", bridge: "xenbr0" },
    enforceCustomizable: false,
    toolstack: "xl",
    nextMac: () => "00:16:3e:00:00:00",
  });
  const platform = vmConf.options.get("platform");
  const found = rendered.diagnostics;
  if (platform === undefined || platform === "xen" || platform === "") return found;
  // For another platform nothing is given to xl, so what xl would refuse rejects nothing.
  const place = assignmentOf(vmConf.assignments, "platform");
  return [
    ...found.map((one): Diagnostic => ({ ...one, severity: one.severity === "error" ? "warning" : one.severity })),
    {
      file: "vm_conf.template",
      ...place,
      severity: "warning",
      code: "platform_not_provisioned",
      message: `The image is for "${String(platform)}", and only xen is provisioned`,
      advice: "Set platform='xen' when it is meant for Xen.",
    },
  ];
}

export function assignmentOf(assignments: readonly Assignment[], name: string): { line: number; column: number } {
  const last = assignments.findLast((one) => one.name === name);
  return last === undefined ? { line: 1, column: 1 } : { line: last.line, column: last.column };
}

function sorted(found: readonly Diagnostic[]): Diagnostic[] {
  return [...found].sort((a, b) =>
    a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1,
  );
}
