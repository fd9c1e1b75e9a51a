// TLS for the agent's server: version 1.3 alone, a certificate wanted from whoever calls, ours exchanged without a restart when it is renewed.
import { ServerCredentials } from "@grpc/grpc-js";
import type { Identity } from "../identity/identity.js";

export class HostCredentials extends ServerCredentials {
  constructor(identity: Identity) {
    super({ requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" }, contextOf(identity));
  }

  /** New connections use it from now on; those that are open stay. */
  renew(identity: Identity): void {
    this.updateSecureContextOptions(contextOf(identity));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf(identity: Identity): { ca: string; cert: string; key: string; minVersion: "TLSv1.3" } {
  return {
    ca: identity.ca,
    cert: `${identity.certificate.trimEnd()}\n${identity.ca}`,
    key: identity.key,
    minVersion: "TLSv1.3",
  };
}

export const controllerName = "urn:convirt:controller";

/** Whether the one who calls is the controller: another host's certificate is of the same authority, and is not enough. */
export function isController(peer: { subjectaltname?: string | undefined } | undefined): boolean {
  return peer?.subjectaltname?.split(", ").includes(`URI:${controllerName}`) ?? false;
}
