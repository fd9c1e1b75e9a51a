// What a name inside the store may be. Paths from outside (an archive, a URL) and names found on disk pass the same gate, so that whatever
// is listed can also be staged, exported and imported again.

/** At most this many folders under an image's own, so that no walk and no path grows without end. */
export const maxDepth = 32;
export const maxNameBytes = 255;
export const maxPathBytes = 1024;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const controlCharacter = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Why `path` cannot be the relative path of a file in an image; undefined when it can. Nothing is repaired. */
export function pathTrouble(path: string): string | undefined {
  if (path === "") return "its name is empty";
  if (path.startsWith("/")) return "its name is absolute";
  if (controlCharacter.test(path)) return "its name holds a control character";
  if (path.includes("\ufffd")) return "its name is not UTF-8";
  if (path.includes("\\")) return "its name holds a backslash";
  if (Buffer.byteLength(path) > maxPathBytes) return `its name is longer than ${maxPathBytes} bytes`;
  const segments = path.split("/");
  if (segments.length > maxDepth) return `it lies deeper than ${maxDepth} folders`;
  for (const segment of segments) {
    if (segment === "") return "its name holds an empty part";
    if (segment === "." || segment === "..") return `its name holds the part "${segment}"`;
    if (Buffer.byteLength(segment) > maxNameBytes) return `a part of its name is longer than ${maxNameBytes} bytes`;
  }
  return undefined;
}

/** Two names that some file system would take for one: normalised (NFC) and without case. */
export function collisionKey(path: string): string {
  return path.normalize("NFC").toLowerCase().normalize("NFC");
}
