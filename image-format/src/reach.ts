// Where the value of an option ends up, and so what who sets it could do. Three places: plain data about the guest; the image's script, which is a shell that runs
// as root; and keys of the toolstack's file that read, write or run something on the host, or hand its hardware to the guest.
import type { Value } from "./value.js";
import { plainKeys, privilegedKeys } from "./xl/keys.js";
import { safeDisk } from "./xl/render.js";
import { parseVif } from "./xl/vif.js";

export type Reach = "plain" | "shell" | "privileged";
type File = "image.conf" | "vm_conf.template";

export function reachOf(file: File, name: string): Reach {
  if (file === "image.conf") return "shell";
  if (privilegedKeys.has(name)) return "privileged";
  return plainKeys.has(name) ? "plain" : "shell";
}

/** Values of privileged keys that reach nothing: the toolstack's own, a device that is the guest's alone, this machine's own address. */
const harmless: ReadonlyMap<string, RegExp> = new Map([
  ["serial", /^(pty|none)$/],
  ["usbdevice", /^(tablet|mouse|keyboard)$/],
  ["vnclisten", /^(127\.0\.0\.1|localhost|::1)$/],
  ["kernel", /^\/usr\/(local\/)?lib(64|exec)?\/xen[a-z0-9.-]*\/boot\/hvmloader(\.gz)?$/],
]);

/** Whether an option's value reaches into the host. Nothing, as text or a list, reaches nothing. */
export function isPrivileged(name: string, value: Value | undefined): boolean {
  if (value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) return false;
  if (name === "disk") return entriesOf(value).some(hasDiskScript);
  if (name === "vif") return entriesOf(value).some(hasVifScript);
  if (!privilegedKeys.has(name)) return false;
  return !(typeof value === "string" && harmless.get(name)?.test(value) === true);
}

/** What stands in a list, or alone. */
export function entriesOf(value: Value | undefined): readonly Value[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

/** Of what cannot be read by its form, the words decide: no harm is done by seeing too much in it. */
function hasDiskScript(entry: Value): boolean {
  const disk = typeof entry === "string" ? safeDisk(entry) : "no text";
  if (typeof disk === "string") return mentions(entry);
  return disk.script !== undefined || disk.backend !== undefined;
}

function hasVifScript(entry: Value): boolean {
  const vif = typeof entry === "string" ? parseVif(entry) : undefined;
  if (vif === undefined || !vif.ok) return mentions(entry);
  return vif.fields.some(([key]) => ["script", "downscript", "backend"].includes(key));
}

function mentions(entry: Value): boolean {
  return typeof entry !== "string" || /\b(script|downscript|backend)\s*=/.test(entry);
}

/** Whether a path stands within one of the folders, by its words alone. */
export function isWithin(path: string, roots: readonly string[]): boolean {
  if (!path.startsWith("/") || path.split("/").includes("..")) return false;
  return roots.some((root) => path.startsWith(root.endsWith("/") ? root : `${root}/`));
}
