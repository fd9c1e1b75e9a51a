// The agent's one port: TLS 1.3 alone, a certificate wanted from whoever calls, ours exchanged without a restart when it is renewed. By what the caller names in the
// handshake (ALPN) a connection is gRPC's, or carries one upload.
import type { Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { createServer, type SecureContextOptions, type TLSSocket, type Server as TlsServer } from "node:tls";
import { uploadProtocol } from "@convirt/proto/frames";
import { type Server, ServerCredentials } from "@grpc/grpc-js";
import { CannotStart } from "../errors/errors.js";
import type { Identity } from "../identity/identity.js";
import type { Log } from "../log.js";

/** What may be under way to us before we have read it: with HTTP/2's own 64 KiB an upload waits for an answer after every few packets. */
const windowBytes = 4 * 1024 * 1024;
const handshakeMs = 20_000;

export class Listener {
  readonly #tls: TlsServer;
  readonly #uploads = new Set<TLSSocket>();
  readonly #log: Log;

  /** `takeUpload` has the connections of uploads; whoever calls there has a certificate of the authority, and is not yet known to be the controller. */
  constructor(identity: Identity, grpc: Server, takeUpload: (socket: TLSSocket) => void, log: Log) {
    this.#log = log;
    // The library takes them for connections without TLS, and finds the caller's certificate on them all the same.
    const { injectConnection } = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    widenConnections(grpc);
    const ALPNProtocols = ["h2", uploadProtocol];
    this.#tls = createServer(
      {
        requestCert: true,
        rejectUnauthorized: true,
        ALPNProtocols,
        handshakeTimeout: handshakeMs,
        ...contextOf(identity),
      },
      (socket) => {
        // What ends a connection is seen by whoever has it.
        socket.on("error", () => undefined);
        if (socket.alpnProtocol === "h2") injectConnection(socket);
        else if (socket.alpnProtocol === uploadProtocol) this.#upload(socket, takeUpload);
        else socket.destroy();
      },
    );
  }

  /** Serves on `address`, HOST:PORT; the port. Throws CannotStart. */
  async listen(address: string): Promise<number> {
    const colon = address.lastIndexOf(":");
    const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error) => reject(new CannotStart(`Cannot serve on ${address}: ${error.message}`));
      this.#tls.once("error", failed);
      this.#tls.listen({ port: Number(address.slice(colon + 1)), ...(host === "" ? {} : { host }) }, () => {
        this.#tls.off("error", failed);
        resolve();
      });
    });
    // What comes after that is one connection that could not be taken: of too many open files, say.
    this.#tls.on("error", (error) => this.#log.warn("a connection could not be taken", { why: error.message }));
    return (this.#tls.address() as AddressInfo).port;
  }

  /** New connections use it from now on; those that are open stay. */
  renew(identity: Identity): void {
    this.#tls.setSecureContext(contextOf(identity));
  }

  /** Takes no more connections. */
  refuse(): void {
    this.#tls.close();
  }

  /** Ends the uploads that are left. */
  close(): void {
    for (const socket of this.#uploads) socket.destroy();
  }

  #upload(socket: TLSSocket, takeUpload: (socket: TLSSocket) => void): void {
    this.#uploads.add(socket);
    socket.once("close", () => this.#uploads.delete(socket));
    takeUpload(socket);
  }
}

/**
 * Gives streams and whole connections that window. The gRPC library offers no way to: the servers that it keeps are looked up by their name there, and where a later
 * release keeps none under it, uploads by gRPC are slow again and nothing else changes.
 */
function widenConnections(server: object): void {
  const { http2Servers } = server as { http2Servers?: unknown };
  if (!(http2Servers instanceof Map)) return;
  for (const http2Server of http2Servers.keys() as Iterable<Http2Server>) {
    http2Server.on("session", (session) => {
      session.settings({ initialWindowSize: windowBytes });
      session.setLocalWindowSize(windowBytes);
    });
  }
}

function contextOf(identity: Identity): SecureContextOptions {
  return {
    ca: identity.ca,
    cert: `${identity.certificate.trimEnd()}\n${identity.ca}`,
    key: identity.key,
    minVersion: "TLSv1.3",
  };
}
