// Who else holds on to an image. The rooms of VMs and of jobs provide it; images ask, and so need not know that either exists.

/** Injection token of an ImageUsers. */
export const IMAGE_USERS = Symbol("IMAGE_USERS");
/** Injection token of the jobs' VersionNamers. */
export const IMAGE_JOBS = Symbol("IMAGE_JOBS");

export interface VersionNamers {
  /** Those of the image's versions, `among` these, that one of them was made of. */
  namedVersions(image: string, among: readonly string[]): Promise<string[]>;
}

export interface ImageUsers extends VersionNamers {
  /** How many VMs were made of the image and are still recorded. */
  countByImage(name: string): Promise<number>;
  /** The same for all images at once; images without VMs are left out. */
  countAll(): Promise<ReadonlyMap<string, number>>;
}
