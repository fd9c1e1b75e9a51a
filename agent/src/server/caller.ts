export const controllerName = "urn:convirt:controller";

/** Whether the one who calls is the controller: another host's certificate is of the same authority, and is not enough. */
export function isController(peer: { subjectaltname?: string | undefined } | undefined): boolean {
  return peer?.subjectaltname?.split(", ").includes(`URI:${controllerName}`) ?? false;
}
