// An upload on a connection of its own, see staging.proto: for an agent that takes them, and several times cheaper than gRPC at both ends.
import { connect, type TLSSocket } from "node:tls";
import { UploadAnswer, type UploadRefused } from "@convirt/proto/staging";
import { FrameReader, frameOf, uploadProtocol } from "@convirt/proto/upload";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { type HostAccess, tlsOptions } from "./channel.js";
import { EndedByHost, type UploadWay } from "./upload-way.js";

const connectMs = 20_000;
/** A host says every 10 s that it is there; one that is silent for so long, and takes nothing, is not. */
const silenceMs = 40_000;

export class UploadConnection implements UploadWay {
  readonly framed = true;
  readonly #socket: TLSSocket;
  /** The host's answer, or that the connection ended without one; null when it has taken all. */
  readonly #end: Promise<ServiceError | null>;
  #hasEnded = false;
  /** Ends the wait for room. */
  #wake: (() => void) | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    let failure = "the connection ended";
    socket.on("error", (error) => (failure = error.message));
    socket.setTimeout(silenceMs, () => {
      failure = `nothing was heard of the host for ${silenceMs / 1000} s`;
      socket.destroy();
    });
    this.#end = new Promise<ServiceError | null>((resolve) => {
      const reader = new FrameReader((frame) => {
        const { answer: news } = UploadAnswer.decode(frame);
        if (news?.$case === "taken") resolve(null);
        if (news?.$case === "refused") resolve(errorOf(news.value));
      });
      socket.on("data", (bytes: Buffer) => {
        try {
          reader.take(bytes);
        } catch (error) {
          failure = `what the host said cannot be read: ${(error as Error).message}`;
          socket.destroy();
        }
      });
      socket.once("close", () => resolve(serviceError(status.UNAVAILABLE, failure)));
    });
    void this.#end.then(() => {
      this.#hasEnded = true;
      this.#wake?.();
    });
  }

  /** Throws a ServiceError when the host cannot be reached, or is not the host. */
  static async open(access: HostAccess): Promise<UploadConnection> {
    const { hostname, port } = new URL(`tls://${access.address}`);
    const socket = connect({
      ...{ host: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port), servername: access.hostId },
      ...{ ALPNProtocols: [uploadProtocol], ...tlsOptions(access, () => access.fingerprints) },
    });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.setTimeout(connectMs, () => reject(new Error(`no answer within ${connectMs / 1000} s`)));
        socket.once("secureConnect", resolve).once("error", reject);
        socket.once("close", () => reject(new Error("the host ended the connection")));
      });
      if (socket.alpnProtocol !== uploadProtocol) throw new Error("the host does not take uploads so");
    } catch (error) {
      socket.on("error", () => undefined).destroy();
      throw serviceError(status.UNAVAILABLE, (error as Error).message);
    }
    socket.removeAllListeners("timeout");
    return new UploadConnection(socket);
  }

  async send(message: Buffer): Promise<void> {
    if (this.#hasEnded) throw new EndedByHost();
    if (this.#socket.write(message)) return;
    // Not a race of promises: the answer's would keep a trace of each of a large file's messages.
    await new Promise<void>((resolve) => {
      const settle = () => {
        this.#socket.off("drain", settle);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = settle;
      this.#socket.once("drain", settle);
    });
    if (this.#hasEnded) throw new EndedByHost();
  }

  async finish(): Promise<void> {
    if (!this.#hasEnded) this.#socket.write(frameOf(Buffer.alloc(0)));
    const error = await this.#end;
    if (error !== null) throw error;
  }

  close(): void {
    this.#socket.destroy();
  }
}

function errorOf(refused: UploadRefused): ServiceError {
  return serviceError(refused.status, refused.message, refused.code);
}

function serviceError(code: status, details: string, word = ""): ServiceError {
  const metadata = new Metadata();
  if (word !== "") metadata.set("convirt-code", word);
  return Object.assign(new Error(details), { code, details, metadata });
}
