// What the values of options name on a host, if they name anything there. An image says it of its own options; a file of 2009, which could not, is read with care:
//
//     option_purposes={'iso': 'source', 'busybox': 'program', 'greeting': 'text'}
//
// The host judges by it where a value that is not its author's own word may lead (docs/operating/access.md).
import type { Options, Value } from "./value.js";

/**
 * - `source`: read by the script: a reference disk, an ISO, a kernel, an installer; a path or a URL.
 * - `disk`: a folder, volume group or path in which disks are made.
 * - `configuration`: the folder that the VM's configuration is written to.
 * - `proxy`: a URL, or HOST:PORT, through which sources are fetched.
 * - `program`: is run as root, and so is its author's to name, and nobody else's.
 * - `text`: no place on the host, whatever it looks like: it is for the guest, or a choice of the script's.
 */
export type Purpose = "source" | "disk" | "configuration" | "proxy" | "program" | "text";

export const purposes: readonly Purpose[] = ["source", "disk", "configuration", "proxy", "program", "text"];

/** Options whose purpose their names say, as ConVirt's scripts use them; an image may say otherwise. */
const known: readonly (readonly [RegExp, Purpose])[] = [
  [/^VM_DISKS_DIR$/, "disk"],
  [/^VM_CONF_DIR$/, "configuration"],
  [/^(http|https|ftp|all)_proxy$/i, "proxy"],
  [/(^|_)(image|kernel|ramdisk)_src$/, "source"],
];

/** What the file declares in `option_purposes`; what is no purpose is passed over here, and lint names it. */
export function declaredPurposes(options: Options): ReadonlyMap<string, Purpose> {
  const declared = options.get("option_purposes");
  if (!(declared instanceof Map)) return new Map();
  return new Map([...declared].filter((entry): entry is [string, Purpose] => isPurpose(entry[1])));
}

function isPurpose(value: unknown): value is Purpose {
  return purposes.includes(value as Purpose);
}

/** An option's purpose by its image's word or its own name; undefined where neither says, and the value must. */
export function purposeOf(name: string, declared: ReadonlyMap<string, Purpose>): Purpose | undefined {
  return declared.get(name) ?? known.find(([pattern]) => pattern.test(name))?.[1];
}

/**
 * Whether a text leads somewhere by its looks: an absolute path, one from here or from home, one that climbs, or a URL, also behind a word and a colon
 * (`file:/x`, `tap:aio:/x`). Prefixes of addresses (`192.0.2.1/24`), time zones and keys do not.
 */
export function looksLikeAPlace(text: string): boolean {
  const bare = text.trim();
  return /^([A-Za-z][A-Za-z0-9+.-]*:)*(\/|~|\.{1,2}(\/|$))/.test(bare) || /(^|\/)\.\.(\/|$)/.test(bare);
}

/** The texts in a value that its purpose makes a place, or a program; all of them but empty ones. */
export function placesIn(value: Value, purpose: Purpose | undefined): string[] {
  const texts = textsOf(value).filter((text) => text.trim() !== "");
  if (purpose === "text") return [];
  return purpose === undefined ? texts.filter(looksLikeAPlace) : texts;
}

function textsOf(value: Value): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (value instanceof Map) return [...value].flatMap(([key, inner]) => [...textsOf(key), ...textsOf(inner)]);
  return typeof value === "object" && value !== null ? value.items.flatMap(textsOf) : [];
}
