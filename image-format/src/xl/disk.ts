// Disk entries, in the two notations that matter: what xl's own parser makes of one (positional, `key=value`, and the deprecated prefixes, as it was seen
// to read them), and ConVirt's `TYPE:PATH,DEVICE,MODE`. And the one form in which we write them for xl: `target=` last, after which nothing in a path can
// become another option.
import type { Diagnostic } from "../diagnostic.js";

export interface XlDisk {
  /** Null where none is named, which only an empty CD drive may. */
  target: string | null;
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
const backendTypes: ReadonlySet<string> = new Set(["phy", "tap", "qdisk", "standalone"]);
const specifications: ReadonlySet<string> = new Set(["xen", "virtio"]);

/** Reads one entry as xl does. Never throws; time is linear in its length for each of its parts. */
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
      {
        ...place,
        severity: "error",
        code: "xl_disk",
        message: `xl refuses the disk "${spec.slice(0, 200)}": ${problem}`,
        advice,
      },
    ],
  };
}

/** A sentence when xl refuses the entry for it, else undefined. */
type Problem = string | undefined;

interface Rule {
  /** What stands at the place; all of it counts for which rule is taken, and only the first group is used up, where there is one. */
  pattern: RegExp;
  apply: (reader: DiskReader, text: string) => Problem;
}

const longestSpec = 64 * 1024;

class DiskReader {
  readonly #spec: string;
  readonly #texts = new Map<string, string>();
  #format: string | undefined;
  #backendType: string | undefined;
  #specification: string | undefined;
  #accessSet = false;
  #readwrite = true;
  cdrom = false;
  hadPrefix = false;

  constructor(spec: string) {
    this.#spec = spec;
  }

  /** Undefined when xl takes it, else what it minds. */
  read(): Problem {
    const spec = this.#spec;
    if (spec.includes("\0")) return "it holds a NUL";
    if (spec.length > longestSpec) return `it is longer than ${longestSpec} characters`;
    for (let at = 0; at < spec.length; ) {
      const found = longestMatch(spec, at);
      // xl's reader ends without a word when the character that it cannot read is the very last.
      if (found === undefined && at === spec.length - 1 && (spec.codePointAt(at) ?? 0) < 0x80) break;
      if (found === undefined) return `"${spec.slice(at, at + 40)}" is bad syntax`;
      const problem = found.rule.apply(this, found.text.replace(/,$/, ""));
      if (problem !== undefined) return problem;
      at += found.text.length;
    }
    if (!this.#texts.has("vdev")) return "no device is named";
    if (!this.#texts.has("target") && !this.cdrom) return "no target is named";
    return undefined;
  }

  disk(): XlDisk {
    const target = this.#texts.get("target") ?? null;
    const format = this.cdrom && !target ? "empty" : (this.#format ?? "raw");
    return {
      target,
      vdev: this.#texts.get("vdev") ?? "",
      script: this.#texts.get("script") ?? null,
      backend: this.#texts.get("backend") ?? null,
      readwrite: this.#readwrite && !this.cdrom,
      cdrom: this.cdrom,
      format: format as XlDisk["format"],
    };
  }

  /** The next word without a name: target, format, device and access, in this order, less those that are known. */
  positional(text: string): Problem {
    const target = this.#texts.get("target");
    if (target === undefined) return this.setText("target", text);
    if (!this.hadPrefix && this.#format === undefined) {
      // An empty drive has no format to name: its device may follow at once.
      if (target !== "" || !text.includes(":")) return this.setFormat(text);
      const problem = this.#setDevice(text);
      this.#format = "empty";
      return problem;
    }
    if (!this.#texts.has("vdev")) return this.#setDevice(text);
    if (this.#accessSet) return `"${text}" is one parameter too many`;
    this.#accessSet = true;
    return this.setAccess(text);
  }

  /** A text may be given once; an empty one does not count. */
  setText(what: string, value: string): Problem {
    if (this.#texts.get(what)) return `${what} is given twice`;
    this.#texts.set(what, value);
    return undefined;
  }

  setFormat(value: string): Problem {
    const format = value === "" ? "raw" : value;
    if (!formats.has(format)) return `"${value}" is not a format`;
    if (this.#format !== undefined && this.#format !== format) return "the format is given twice";
    this.#format = format;
    return undefined;
  }

  setAccess(value: string): Problem {
    if (!["r", "ro", "w", "rw", ""].includes(value)) return `"${value}" is not an access (r, ro, w, rw)`;
    this.#readwrite = value !== "r" && value !== "ro";
    return undefined;
  }

  setBackendType(value: string): Problem {
    if (!backendTypes.has(value)) return `"${value}" is not a kind of backend`;
    if (this.#backendType !== undefined && this.#backendType !== value) return "backendtype is given twice";
    this.#backendType = value;
    return undefined;
  }

  setSpecification(value: string): Problem {
    if (!specifications.has(value)) return `"${value}" is not a specification (xen, virtio)`;
    if (this.#specification !== undefined && this.#specification !== value) return "specification is given twice";
    this.#specification = value;
    return undefined;
  }

  #setDevice(text: string): Problem {
    const colon = text.lastIndexOf(":");
    if (colon < 0) return this.setText("vdev", text);
    const kind = text.slice(colon + 1);
    if (kind !== "cdrom" && kind !== "disk") return `"${kind}" is not a kind of device (cdrom, disk)`;
    this.cdrom = kind === "cdrom";
    return this.setText("vdev", text.slice(0, colon));
  }
}

function behindEquals(text: string): string {
  return text.slice(text.indexOf("=") + 1);
}

function named(name: string, apply: (reader: DiskReader, value: string) => Problem): Rule {
  return { pattern: new RegExp(`${name}=[^,]*,?`, "y"), apply: (reader, text) => apply(reader, behindEquals(text)) };
}

function flag(word: string, apply: (reader: DiskReader) => void = () => undefined): Rule {
  return {
    pattern: new RegExp(`${word},?`, "y"),
    apply: (reader) => {
      apply(reader);
      return undefined;
    },
  };
}

/** A prefix counts as if it matched the whole line, so that it goes before a word without a name. */
function prefixed(words: string, apply: (reader: DiskReader, prefix: string) => Problem = () => undefined): Rule {
  return {
    pattern: new RegExp(`((?:${words}):)[^\\n]*`, "y"),
    apply: (reader, text) => {
      reader.hadPrefix = true;
      return apply(reader, text.slice(0, -1));
    },
  };
}

// xl's reader is a scanner: of all rules the one that matches most is taken, of those that match as much the first.
const rules: readonly Rule[] = [
  { pattern: /([ \t\n]+)(?:[^ \t\n][^\n]*)?/y, apply: () => undefined },
  named("format", (reader, value) => reader.setFormat(value)),
  flag("cdrom", (reader) => {
    reader.cdrom = true;
  }),
  flag("devtype=cdrom", (reader) => {
    reader.cdrom = true;
  }),
  flag("devtype=disk", (reader) => {
    reader.cdrom = false;
  }),
  named("devtype", (_reader, value) => `"${value}" is not a kind of device (cdrom, disk)`),
  named("access", (reader, value) => reader.setAccess(value)),
  named("backendtype", (reader, value) => reader.setBackendType(value)),
  named("specification", (reader, value) => reader.setSpecification(value)),
  ...["backend", "vdev", "script", "colo-host", "colo-export", "active-disk", "hidden-disk"].map((name) =>
    named(name, (reader, value) => reader.setText(name, value)),
  ),
  named("colo-port", (_reader, value) =>
    /^[ \t\n\v\f\r]*[-+]?0*[1-9]/.test(value) ? undefined : `"${value}" is not a port`,
  ),
  ...["direct-io-safe", "discard", "no-discard", "colo", "no-colo", "trusted", "untrusted"].map((word) => flag(word)),
  flag("grant_usage=[01]"),
  { pattern: /target=[^\n]*/y, apply: (reader, text) => reader.setText("target", behindEquals(text)) },
  { pattern: /[a-z][-a-z0-9]*=[^,],?/y, apply: (_reader, text) => `"${text}" is not a parameter` },
  prefixed("raw|qcow2?|vhd", (reader, prefix) => reader.setFormat(prefix)),
  prefixed("iscsi|e?nbd|drbd", (reader, prefix) => reader.setText("script", `block-${prefix}`)),
  prefixed("tapdisk|tap2?|aio|ioemu|file|phy"),
  {
    pattern: /([a-z][a-z0-9]*:)(?:[^a-z0-9][^\n]*)?/y,
    apply: (_reader, text) => `"${text}" is not a prefix that it knows`,
  },
  { pattern: /[^=,]*,|[^=,]+/y, apply: (reader, text) => reader.positional(text) },
];

function longestMatch(spec: string, at: number): { rule: Rule; text: string } | undefined {
  let best: { rule: Rule; text: string } | undefined;
  let most = 0;
  for (const rule of rules) {
    rule.pattern.lastIndex = at;
    const match = rule.pattern.exec(spec);
    if (match === null || match[0].length <= most) continue;
    most = match[0].length;
    best = { rule, text: match[1] ?? match[0] };
  }
  return best;
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
