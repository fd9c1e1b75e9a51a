// Who a host is, and how it is spoken to: mutual TLS 1.3, the host's own certificate and no other. The main thread and the uploader do it the same way. Nothing of
// gRPC is needed for it: the uploader, which is started for each large upload, would wait for that to load.
import type { PeerCertificate } from "node:tls";

/** Plain data, so that it can be handed to a worker. */
export interface HostAccess {
  hostId: string;
  hostName: string;
  /** host:port. */
  address: string;
  ca: string;
  key: string;
  certificate: string;
  /** Fingerprints of the certificates that are accepted. */
  fingerprints: readonly string[];
}

export type HostKeys = Pick<HostAccess, "hostName" | "ca" | "key" | "certificate">;

/** `accepted` is asked at every handshake; `onShown` is told what the host showed. */
export function tlsOptions(
  access: HostKeys,
  accepted: () => readonly string[],
  onShown: (fingerprint: string) => void = () => undefined,
): {
  ca: string;
  key: string;
  cert: string;
  minVersion: "TLSv1.3";
  checkServerIdentity: (name: string, certificate: PeerCertificate) => Error | undefined;
} {
  return {
    ca: access.ca,
    key: access.key,
    cert: access.certificate,
    minVersion: "TLSv1.3",
    // The certificate itself is what is known of a host, not the name under which it is reached.
    checkServerIdentity: (_name: string, certificate: PeerCertificate) => {
      const shown = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
      if (!accepted().includes(shown)) return new Error(`${access.hostName} shows a certificate that is not its own`);
      onShown(shown);
      return undefined;
    },
  };
}
