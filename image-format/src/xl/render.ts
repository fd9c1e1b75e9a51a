// The toolstack's file, written from a VM's options: only what xl reads, in xl's grammar, disks and network cards through their typed writers. What cannot
// be said to xl is a diagnostic, never a guess; what we write reads back as the same values (a property test holds it to that).
import type { Diagnostic, DiagnosticCode } from "../diagnostic.js";
import { formatPython } from "../python-text.js";
import type { Options, OptionValue, Value } from "../value.js";
import { parseConvirtDisk, parseXlDisk, type WritableXlDisk, writeXlDisk } from "./disk.js";
import { convirtKeys, xlKeys } from "./keys.js";
import { parseVif, writeVif } from "./vif.js";

export interface RenderXlRequest {
  vmName: string;
  /** Written as `uuid`, so that a domain can be told from another of the same name. */
  uuid?: string;
}

/** `text` is complete even where there are diagnostics: what they name is left out of it. An `error` among them means: do not use it. */
export interface RenderedConfig {
  text: string;
  diagnostics: Diagnostic[];
}

/** Where in the template an option stands, for diagnostics; the renderer alone knows no lines. */
export const renderedFile = "vm_conf.template";

export function problem(
  code: DiagnosticCode,
  severity: Diagnostic["severity"],
  message: string,
  advice: string,
): Diagnostic {
  return { file: renderedFile, line: 1, column: 1, severity, code, message, advice };
}

/** Options in xl's words: `builder='hvm'` is `type="hvm"`, `on_shutdown` is `on_poweroff`, hvmloader and device_model are xl's own business. */
function translate(options: Options): { key: string; value: OptionValue }[] {
  const entries: { key: string; value: OptionValue }[] = [];
  for (const [key, value] of options) {
    if (isLeftOut(key, value)) continue;
    if (key === "builder") {
      if (!options.has("type"))
        entries.push({ key: "type", value: value === "linux" || value === "generic" ? "pv" : value });
    } else if (key === "on_shutdown") {
      if (!options.has("on_poweroff")) entries.push({ key: "on_poweroff", value });
    } else entries.push({ key, value });
  }
  return entries;
}

function isLeftOut(key: string, value: OptionValue): boolean {
  if (key === "name" || key === "uuid" || key === "device_model") return true;
  if (key === "kernel" && typeof value === "string" && /(^|\/)hvmloader(\.gz)?$/.test(value)) return true;
  if (value === "" && emptyMeansUnset.has(key)) return true;
  return convirtKeys.has(key) && key !== "on_shutdown";
}

/** ConVirt's files set these to '' for "none"; xl would take the empty text for a path or a choice. */
const emptyMeansUnset: ReadonlySet<string> = new Set(
  "kernel ramdisk bootloader bootloader_args root extra cmdline boot cpus vncpasswd vnclisten on_poweroff on_reboot on_crash type keymap serial usbdevice".split(
    " ",
  ),
);

/** Writes the file for xl. Never throws on any options. */
export function renderXl(options: Options, request: RenderXlRequest): RenderedConfig {
  const diagnostics: Diagnostic[] = [];
  const lines = [`name = ${quote(request.vmName)}`];
  if (request.uuid !== undefined) lines.push(`uuid = ${quote(request.uuid)}`);
  for (const { key, value } of translate(options)) {
    // A key that xl does not know is a variable of the image for all that it cares; lint says which are likely typing errors.
    if (!xlKeys.has(key)) continue;
    const text =
      key === "disk"
        ? disks(value, diagnostics)
        : key === "vif"
          ? vifs(value, diagnostics)
          : plain(key, value, diagnostics);
    if (text !== undefined) lines.push(`${key} = ${text}`);
  }
  return { text: `${lines.join("\n")}\n`, diagnostics };
}

function plain(key: string, value: OptionValue, diagnostics: Diagnostic[]): string | undefined {
  const written = write(value);
  if (typeof written === "string") return written;
  diagnostics.push(problem(written.code, "error", `${key}: ${written.message}`, written.advice));
  return undefined;
}

interface CannotWrite {
  code: DiagnosticCode;
  message: string;
  advice: string;
}

/** A value in xl's grammar: text in double quotes, a number in digits, a list of these. */
function write(value: Value): string | CannotWrite {
  if (typeof value === "string") {
    if (hasControl(value.replaceAll("\t", "")))
      return { code: "xl_value", message: "the text holds a control character", advice: "Write it on one line." };
    return quote(value);
  }
  if (typeof value === "bigint") {
    if (value < 0n)
      return {
        code: "xl_number",
        message: `${value} is negative, and xl reads digits only`,
        advice: "Write a whole number from 0 up, or leave the option out.",
      };
    return value.toString();
  }
  if (typeof value === "number") {
    return {
      code: "xl_number",
      message: `${formatPython(value)} is a fraction, and xl reads whole numbers only`,
      advice: "Write a whole number.",
    };
  }
  if (!Array.isArray(value))
    return {
      code: "xl_value",
      message: "xl has no such kind of value",
      advice: "Write text, a whole number, or a list of these.",
    };
  const items: string[] = [];
  for (const item of value) {
    const written = write(item);
    if (typeof written !== "string") return written;
    items.push(written);
  }
  return `[${items.join(", ")}]`;
}

function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

/** Quotes for xl. Other control characters were refused before, so a tab, a backslash and the quote are all that is special. */
export function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replaceAll("\t", "\\t")}"`;
}

/** `''` and a missing list are no disks; every entry that is text and not empty must be one that we can read. */
function texts(value: OptionValue): string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.filter((item): item is string => typeof item === "string" && item.trim() !== "");
}

function disks(value: OptionValue, diagnostics: Diagnostic[]): string | undefined {
  const written: string[] = [];
  for (const entry of texts(value)) {
    const disk = hasControl(entry) ? "the entry holds a control character" : safeDisk(entry);
    if (typeof disk === "string") {
      diagnostics.push(
        problem(
          "xl_disk",
          "error",
          `disk "${entry}": ${disk}`,
          "Write TYPE:PATH,DEVICE,MODE, such as file:/vm/a.img,xvda,w.",
        ),
      );
    } else written.push(quote(writeXlDisk(disk)));
  }
  return `[${written.join(", ")}]`;
}

const devicePattern =
  /^(x?vd[a-z]{1,2}[0-9]{0,3}|hd[a-z][0-9]{0,2}|sd[a-z]{1,2}[0-9]{0,2}|d[0-9]+(p[0-9]+)?|[0-9]+|0x[0-9a-f]+)$/;
const formatOfType: ReadonlyMap<string, WritableXlDisk["format"]> = new Map([
  ["file", "raw"],
  ["phy", "raw"],
  ["lvm", "raw"],
  ["raw", "raw"],
  ["vbd", "raw"],
  ["tap:aio", "raw"],
  ["tap2:aio", "raw"],
  ["qcow", "qcow"],
  ["tap:qcow", "qcow2"],
  ["tap2:qcow", "qcow2"],
  ["qcow2", "qcow2"],
  ["tap:qcow2", "qcow2"],
  ["vhd", "vhd"],
  ["tap:vhd", "vhd"],
]);

/** An entry in ConVirt's notation or in xl's own, as a disk that we can write; or why not. */
export function safeDisk(entry: string): WritableXlDisk | string {
  const convirt = splitConvirt(entry);
  if (convirt !== undefined)
    return fromConvirt(convirt.type, convirt.path, convirt.device, convirt.mode, convirt.cdrom);
  const verdict = parseXlDisk(entry);
  if (!verdict.accepted) return verdict.diagnostics[0]?.message ?? "xl refuses it";
  const { target, vdev, readwrite, cdrom, format, script, backend } = verdict.disk;
  if (!devicePattern.test(vdev)) return `"${vdev}" is not a device`;
  if (format === "qed") return "the format qed is gone from today's qemu";
  if (script !== null && !/^[A-Za-z0-9_./-]+$/.test(script)) return `"${script}" is not a script`;
  if (backend !== null && !/^[A-Za-z0-9_.-]+$/.test(backend)) return `"${backend}" is not a domain`;
  return {
    target: target ?? "",
    vdev,
    readwrite,
    cdrom,
    format,
    ...(script === null ? {} : { script }),
    ...(backend === null ? {} : { backend }),
  };
}

function splitConvirt(entry: string): ReturnType<typeof parseConvirtDisk> {
  // `tap:aio:/path`: the type is both words.
  const disk = parseConvirtDisk(entry);
  if (disk === undefined || (disk.type !== "tap" && disk.type !== "tap2")) return disk;
  const colon = disk.path.indexOf(":");
  return colon < 0
    ? disk
    : { ...disk, type: `${disk.type}:${disk.path.slice(0, colon)}`, path: disk.path.slice(colon + 1) };
}

function fromConvirt(
  type: string,
  path: string,
  device: string,
  mode: string,
  cdrom: boolean,
): WritableXlDisk | string {
  const format = formatOfType.get(type.toLowerCase());
  if (format === undefined)
    return type.toLowerCase().endsWith("vmdk")
      ? "xl cannot use a vmdk disk; convert it to raw or qcow2"
      : `"${type}:" is not a kind of disk`;
  if (!devicePattern.test(device)) return `"${device}" is not a device`;
  if (path === "" && !cdrom) return "no path is named";
  return {
    format: path === "" ? "empty" : format,
    vdev: device,
    readwrite: mode !== "r" && !cdrom,
    cdrom,
    target: path,
  };
}

function vifs(value: OptionValue, diagnostics: Diagnostic[]): string | undefined {
  const list = Array.isArray(value) ? value : [value];
  const written: string[] = [];
  for (const entry of list) {
    if (typeof entry !== "string") {
      diagnostics.push(
        problem("xl_vif", "error", `vif: ${formatPython(entry)} is not text`, "Write 'mac=…,bridge=…'."),
      );
      continue;
    }
    const vif = parseVif(entry);
    if (vif.ok) written.push(quote(writeVif(vif.fields)));
    else
      diagnostics.push(
        problem(
          "xl_vif",
          "error",
          `vif "${entry}": ${vif.problem}`,
          "Write KEY=VALUE with commas between, such as mac=00:16:3e:12:34:56,bridge=xenbr0.",
        ),
      );
  }
  return `[${written.join(", ")}]`;
}
