// How a channel to a host is made: mutual TLS 1.3, the host's own certificate and no other. The main thread and the uploader make theirs the same way.
import { createSecureContext, type PeerCertificate } from "node:tls";
import { type ChannelCredentials, type ClientOptions, credentials } from "@grpc/grpc-js";

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

const sharedOptions: ClientOptions = {
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.max_receive_message_length": 4 * 1024 * 1024,
  // A log that is printed fast comes in large steps, each stored by one transaction.
  "grpc-node.flow_control_window": 4 * 1024 * 1024,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 2_000,
  // A host is where its record says: neither a proxy of the environment nor a record in the DNS has a say.
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
};

export function channelOptions(hostId: string): ClientOptions {
  return { ...sharedOptions, "grpc.ssl_target_name_override": hostId, "grpc.default_authority": hostId };
}

type Keys = Pick<HostAccess, "hostName" | "ca" | "key" | "certificate">;

/** `accepted` is asked at every handshake; `onShown` is told what the host showed. */
export function channelCredentials(
  access: Keys,
  accepted: () => readonly string[],
  onShown: (fingerprint: string) => void = () => undefined,
): ChannelCredentials {
  const { checkServerIdentity, ...context } = tlsOptions(access, accepted, onShown);
  return credentials.createFromSecureContext(createSecureContext(context), { checkServerIdentity });
}

/** The same for a connection that is not gRPC's. */
export function tlsOptions(
  access: Keys,
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
