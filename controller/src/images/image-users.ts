// Who else holds on to an image. The VMs' room provides it; images ask, and so need not know that VMs exist.
/** Injection token of an ImageUsers. */
export const IMAGE_USERS = Symbol("IMAGE_USERS");

export interface ImageUsers {
  /** How many VMs were made of the image and are still recorded. */
  countByImage(name: string): Promise<number>;
  /** The same for all images at once; images without VMs are left out. */
  countAll(): Promise<ReadonlyMap<string, number>>;
}
