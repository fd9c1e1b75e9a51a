// How a channel of gRPC to a host is made.
import { createSecureContext } from "node:tls";
import { type ChannelCredentials, type ClientOptions, credentials } from "@grpc/grpc-js";
import { type HostKeys, tlsOptions } from "./host-access.js";

/** Of a log that is printed fast, what arrives and what is stored at once. They are to be the same: what waits beyond a step is only held in memory. */
export const logStepBytes = 1024 * 1024;

const sharedOptions: ClientOptions = {
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.max_receive_message_length": 4 * 1024 * 1024,
  "grpc-node.flow_control_window": logStepBytes,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 2_000,
  // A host is where its record says: neither a proxy of the environment nor a record in the DNS has a say.
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
};

export function channelOptions(hostId: string): ClientOptions {
  return { ...sharedOptions, "grpc.ssl_target_name_override": hostId, "grpc.default_authority": hostId };
}

/** `accepted` is asked at every handshake; `onShown` is told what the host showed. */
export function channelCredentials(
  access: HostKeys,
  accepted: () => readonly string[],
  onShown: (fingerprint: string) => void = () => undefined,
): ChannelCredentials {
  const { checkServerIdentity, ...context } = tlsOptions(access, accepted, onShown);
  return credentials.createFromSecureContext(createSecureContext(context), { checkServerIdentity });
}
