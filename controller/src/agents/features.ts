// What this controller can beyond the first release, told to every agent by Hello. Nothing is used of an agent that it does not name.
export const controllerFeatures: readonly string[] = [
  "provision.v1",
  "staging.chunks",
  "staging.used",
  "staging.remove",
  "staging.connection",
  "domain.v1",
  "domain.look",
  "domain.console",
  "renewal.v1",
  "provision.clean",
  "provision.forgotten",
  "provision.log_limit",
  "provision.secrets",
];

/** What both ends have. */
export function inCommon(ofAgent: readonly string[]): string[] {
  return controllerFeatures.filter((feature) => ofAgent.includes(feature));
}
