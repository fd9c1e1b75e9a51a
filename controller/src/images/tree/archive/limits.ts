// How much an archive may hold. The numbers of an installation come from its configuration; the names and reasons stand here.

export interface ArchiveLimits {
  /** Bytes of all files together, expanded. */
  totalBytes: number;
  /** Bytes of one file, expanded. */
  memberBytes: number;
  /** Expanded bytes for each compressed one, once more than `ratioFloorBytes` have come out. */
  ratio: number;
  ratioFloorBytes: number;
  /** Bytes that an import leaves free on the store's file system. */
  reserveBytes: number;
}

const mib = 1024 * 1024;

/** A disk image of many zeros compresses well, so the ratio counts only past a size that harms nobody. */
export const defaultLimits: ArchiveLimits = {
  totalBytes: 64 * 1024 * mib,
  memberBytes: 16 * 1024 * mib,
  ratio: 200,
  ratioFloorBytes: 256 * mib,
  reserveBytes: 64 * mib,
};

/** The files that the controller reads as text: none may be larger, wherever it comes from. */
export const maxTextBytes = mib;
export const textFiles: ReadonlySet<string> = new Set([
  "image.conf",
  "vm_conf.template",
  "provision.sh",
  "description.htm",
  "description.html",
]);

/** Why an archive was turned down: `invalid` for what it holds, `too_large` for how much. */
export class BadArchive extends Error {
  readonly kind: "invalid" | "too_large";
  constructor(kind: "invalid" | "too_large", message: string) {
    super(message);
    this.name = "BadArchive";
    this.kind = kind;
  }
}
