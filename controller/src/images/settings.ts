// What the images' room needs of the configuration.
import type { ArchiveLimits } from "./tree/archive/limits.js";

/** Injection token of ImageSettings. */
export const IMAGE_SETTINGS = Symbol("IMAGE_SETTINGS");

export interface ImageSettings {
  /** Absolute folder of the image store. */
  storeDir: string;
  /** The store as shipped, whose generic provision.sh `--modernise` puts in; undefined: there is none. */
  shippedDir: string | undefined;
  archive: ArchiveLimits;
}
