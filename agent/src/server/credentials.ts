// TLS for the agent's server: version 1.3 alone, a certificate wanted from whoever calls, ours exchanged without a restart when it is renewed.
import type { Http2SecureServer } from "node:http2";
import { ServerCredentials } from "@grpc/grpc-js";
import type { Identity } from "../identity/identity.js";

/** What may be under way to us before we have read it: with HTTP/2's own 64 KiB an upload waits for an answer after every few packets. */
const windowBytes = 4 * 1024 * 1024;
const mostStreams = 200;

/**
 * Gives whole connections that window too. The gRPC library offers no way to: the servers that it keeps are looked up by their name there, and where a later
 * release keeps none under it, uploads are slow again and nothing else changes.
 */
export function widenConnections(server: object): void {
  const { http2Servers } = server as { http2Servers?: unknown };
  if (!(http2Servers instanceof Map)) return;
  for (const http2Server of http2Servers.keys() as Iterable<Http2SecureServer>) {
    http2Server.on("session", (session) => session.setLocalWindowSize(windowBytes));
  }
}

export class HostCredentials extends ServerCredentials {
  constructor(identity: Identity) {
    const settings = { initialWindowSize: windowBytes, maxConcurrentStreams: mostStreams };
    super({ requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3", settings }, contextOf(identity));
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
