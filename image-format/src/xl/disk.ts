// Disk entries, in the two notations that matter: what xl's own parser makes of one (positional, `key=value`, and the deprecated prefixes, as it was seen
// to read them), and ConVirt's `TYPE:PATH,DEVICE,MODE`. And the one form in which we write them for xl: `target=` last, after which nothing in a path can
// become another option.
import type { Diagnostic } from "../diagnostic.js";

export interface XlDisk {
  target: string;
  vdev: string;
  script: string | null;
  backend: string | null;
  readwrite: boolean;
  cdrom: boolean;
  format: "raw" | "qcow" | "qcow2" | "vhd" | "qed" | "empty";
}
export type XlDiskVerdict =
  | { accepted: true; disk: XlDisk; diagnostics: [] }
  | { accepted: false; disk: null; diagnostics: Diagnostic[] };

const formats: ReadonlySet<string> = new Set(["raw", "qcow", "qcow2", "vhd", "qed", "empty"]);
const formatPrefixes: ReadonlySet<string> = new Set(["raw", "qcow", "qcow2", "vhd"]);
const scriptPrefixes: ReadonlySet<string> = new Set(["iscsi", "nbd", "enbd", "drbd"]);
const plainPrefixes: ReadonlySet<string> = new Set(["tapdisk", "tap", "tap2", "ioemu"]);
const rawPrefixes: ReadonlySet<string> = new Set(["file", "phy", "aio"]);
const flags: ReadonlySet<string> = new Set(["direct-io-safe", "discard", "no-discard", "colo", "no-colo"]);
const freeParameters: ReadonlySet<string> = new Set([
  "colo-host",
  "colo-port",
  "colo-export",
  "active-disk",
  "hidden-disk",
]);
const backendTypes: ReadonlySet<string> = new Set(["phy", "tap", "qdisk", "standalone"]);

/** Reads one entry as xl does. Never throws; linear in its length. */
export function parseXlDisk(
  spec: string,
  place: { file: string; line: number; column: number } = { file: "disk", line: 1, column: 1 },
): XlDiskVerdict {
  const reader = new DiskReader(spec);
  const problem = reader.read();
  if (problem === undefined) return { accepted: true, disk: reader.disk(), diagnostics: [] };
  const advice =
    "Write TYPE:PATH,DEVICE,MODE such as file:/vm/a.img,xvda,w, or format=raw,vdev=xvda,access=rw,target=/vm/a.img.";
  return {
    accepted: false,
    disk: null,
    diagnostics: [
      { ...place, severity: "error", code: "xl_disk", message: `xl refuses the disk "${spec}": ${problem}`, advice },
    ],
  };
}

class DiskReader {
  #rest: string;
  #target: string | undefined;
  #vdev: string | undefined;
  #script: string | undefined;
  #backend: string | undefined;
  #format: string | undefined;
  #hadPrefix = false;
  #accessSet = false;
  #readwrite = true;
  #cdrom = false;

  constructor(spec: string) {
    this.#rest = spec;
  }

  /** Undefined when xl takes it, else what it minds. */
  read(): string | undefined {
    if (this.#rest.includes("\n") || this.#rest.includes("\0")) return "it holds a newline or a NUL";
    for (;;) {
      this.#rest = this.#rest.replace(/^[ \t]+/, "");
      if (this.#rest === "") break;
      const problem = this.#prefix() ?? this.#parameter() ?? this.#flag() ?? this.#positional();
      if (typeof problem === "string") return problem;
    }
    if (this.#vdev === undefined) return "no device is named";
    if (this.#target === undefined && !this.#cdrom) return "no target is named";
    return undefined;
  }

  disk(): XlDisk {
    const target = this.#target ?? "";
    const format = this.#cdrom && target === "" ? "empty" : (this.#format ?? "raw");
    return {
      target,
      vdev: this.#vdev ?? "",
      script: this.#script ?? null,
      backend: this.#backend ?? null,
      readwrite: this.#readwrite && !this.#cdrom,
      cdrom: this.#cdrom,
      format: format as XlDisk["format"],
    };
  }

  // The readers of one kind each answer undefined when what is next is not of that kind, true when they took it, and a sentence when it is refused.

  #prefix(): string | true | undefined {
    const prefix = /^([a-z][a-z0-9]*):/.exec(this.#rest)?.[1];
    if (prefix === undefined) return undefined;
    const known =
      formatPrefixes.has(prefix) || scriptPrefixes.has(prefix) || plainPrefixes.has(prefix) || rawPrefixes.has(prefix);
    // `hdc:cdrom` is a device with its kind; a prefix is followed by what is no small letter or digit.
    if (!known)
      return /^[a-z0-9]/.test(this.#rest.slice(prefix.length + 1))
        ? undefined
        : `"${prefix}:" is not a prefix that it knows`;
    this.#rest = this.#rest.slice(prefix.length + 1);
    this.#hadPrefix = true;
    if (formatPrefixes.has(prefix)) return this.#setFormat(prefix);
    if (rawPrefixes.has(prefix)) return this.#setFormat("raw");
    if (scriptPrefixes.has(prefix)) return this.#setOnce("script", `block-${prefix}`);
    return true;
  }

  #parameter(): string | true | undefined {
    const name = /^([a-z][-a-z0-9]*)=/.exec(this.#rest)?.[1];
    if (name === undefined) return undefined;
    if (name === "target") {
      const all = this.#rest.slice("target=".length).replace(/,$/, "");
      this.#rest = "";
      return this.#setOnce("target", all);
    }
    const value = this.#token().slice(name.length + 1);
    if (name === "format") return this.#setFormat(value);
    if (name === "access") return this.#setAccess(value);
    if (name === "vdev" || name === "script" || name === "backend") return this.#setOnce(name, value);
    if (name === "backendtype") return backendTypes.has(value) || `"${value}" is not a kind of backend`;
    if (name === "devtype") return this.#setKind(value);
    return freeParameters.has(name) || `"${name}" is not a parameter`;
  }

  #flag(): true | undefined {
    const word = /^[a-z-]+(?=,|$)/.exec(this.#rest)?.[0];
    if (word === undefined || (word !== "cdrom" && !flags.has(word))) return undefined;
    if (word === "cdrom") this.#cdrom = true;
    this.#token();
    return true;
  }

  #positional(): string | true {
    const text = this.#token();
    if (text.includes("=")) return `"${text}" is bad syntax`;
    if (this.#target === undefined) return this.#setOnce("target", text);
    const emptyDrive = this.#target === "" && /^[^:]+:cdrom$/.test(text);
    // An empty drive has no format to name: what follows is its device, as behind a prefix.
    if (emptyDrive) this.#hadPrefix = true;
    if (!this.#hadPrefix && this.#format === undefined) return this.#setFormat(text);
    if (this.#vdev === undefined) return this.#setDevice(text);
    if (!this.#accessSet) return this.#setAccess(text);
    return `"${text}" is one parameter too many`;
  }

  /** Up to the next comma, which goes with it. */
  #token(): string {
    const comma = this.#rest.indexOf(",");
    const text = comma < 0 ? this.#rest : this.#rest.slice(0, comma);
    this.#rest = comma < 0 ? "" : this.#rest.slice(comma + 1);
    return text;
  }

  #setOnce(what: "target" | "vdev" | "script" | "backend", value: string): string | true {
    const before = { target: this.#target, vdev: this.#vdev, script: this.#script, backend: this.#backend }[what];
    if (before) return `${what} is given twice`;
    if (what === "target") this.#target = value;
    else if (what === "vdev") this.#vdev = value;
    else if (what === "script") this.#script = value;
    else this.#backend = value;
    return true;
  }

  #setFormat(value: string): string | true {
    const format = value === "" ? "raw" : value;
    if (!formats.has(format)) return `"${value}" is not a format`;
    if (this.#format !== undefined && this.#format !== format) return "the format is given twice";
    this.#format = format;
    return true;
  }

  #setAccess(value: string): string | true {
    this.#accessSet = true;
    if (value === "r" || value === "ro") this.#readwrite = false;
    else if (value !== "w" && value !== "rw" && value !== "") return `"${value}" is not an access (r, ro, w, rw)`;
    return true;
  }

  #setKind(value: string): string | true {
    if (value !== "cdrom" && value !== "disk") return `"${value}" is not a kind of device (cdrom, disk)`;
    this.#cdrom = value === "cdrom";
    return true;
  }

  #setDevice(text: string): string | true {
    const colon = text.lastIndexOf(":");
    if (colon < 0) return this.#setOnce("vdev", text);
    const kind = this.#setKind(text.slice(colon + 1));
    return typeof kind === "string" ? kind : this.#setOnce("vdev", text.slice(0, colon));
  }
}

/** A disk entry as images write it: `TYPE:PATH,DEVICE,MODE`. `type` is lower-case but for what the image wrote (`LVM`). */
export interface ConvirtDisk {
  type: string;
  path: string;
  device: string;
  mode: "r" | "w" | "w!";
  cdrom: boolean;
}

const convirtEntry = /^((?:tap2?:)?[A-Za-z0-9_]*):([^,]*),([^,]*),([^,]*)$/;

/** Reads ConVirt's notation; undefined when the entry is not in it. A path with a comma is not in it, so no value can add a parameter. */
export function parseConvirtDisk(entry: string): ConvirtDisk | undefined {
  const match = convirtEntry.exec(entry);
  if (match === null) return undefined;
  const [, type = "", path = "", device = "", mode = ""] = match;
  const bare = device.trim().replace(/^ioemu:/, "");
  const cdrom = /:cdrom$/.test(bare);
  const access = mode.trim();
  if (access !== "r" && access !== "w" && access !== "w!") return undefined;
  return { type, path, device: bare.replace(/:(cdrom|disk)$/, ""), mode: access, cdrom };
}

export interface WritableXlDisk {
  format: "raw" | "qcow" | "qcow2" | "vhd" | "empty";
  vdev: string;
  readwrite: boolean;
  cdrom: boolean;
  target: string;
  script?: string;
  backend?: string;
}

/** Writes the safe form. The caller has checked `vdev`, `script` and `backend` by whitelist; `target` may hold anything but control characters. */
export function writeXlDisk(disk: WritableXlDisk): string {
  const parts = [`format=${disk.format}`, `vdev=${disk.vdev}`, `access=${disk.readwrite ? "rw" : "ro"}`];
  if (disk.cdrom) parts.push("devtype=cdrom");
  if (disk.backend !== undefined) parts.push(`backend=${disk.backend}`);
  if (disk.script !== undefined) parts.push(`script=${disk.script}`);
  if (disk.target !== "") parts.push(`target=${disk.target}`);
  return parts.join(",");
}
