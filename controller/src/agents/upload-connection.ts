// An upload on a connection of its own, see upload.proto: for an agent that takes them, and several times cheaper than gRPC at both ends.
import { connect, type TLSSocket } from "node:tls";
import { FrameReader, frameOf, type UploadHead, UploadRoom, uploadProtocol } from "@convirt/proto/frames";
import { UploadAnswer, type UploadRefused } from "@convirt/proto/upload";
import { type HostAccess, tlsOptions } from "./host-access.js";
import { EndedByHost, UploadFailed, type UploadWay } from "./upload-way.js";

/** gRPC's status of a host that is not there. */
const unavailable = 14;
const connectMs = 20_000;
/** A host says every 10 s that it is there; one that is silent for so long, and takes nothing, is not. */
const silenceMs = 40_000;

export class UploadConnection implements UploadWay {
  readonly #socket: TLSSocket;
  /** The one for all messages: each is encrypted and with the kernel before the next is made. */
  readonly #room = new UploadRoom();
  /** The host's answer, or that the connection ended without one; null when it has taken all. */
  readonly #end: Promise<UploadFailed | null>;
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
    this.#end = new Promise<UploadFailed | null>((resolve) => {
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
      socket.once("close", () => resolve(new UploadFailed(unavailable, failure)));
    });
    void this.#end.then(() => {
      this.#hasEnded = true;
      this.#wake?.();
    });
  }

  /** Throws an UploadFailed when the host cannot be reached, or is not the host. */
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
      throw new UploadFailed(unavailable, (error as Error).message);
    }
    socket.removeAllListeners("timeout");
    return new UploadConnection(socket);
  }

  room(): UploadRoom {
    return this.#room;
  }

  async send(head: UploadHead, room: UploadRoom, length: number): Promise<void> {
    if (this.#hasEnded) throw new EndedByHost();
    // Not a race of promises: the end's would keep a trace of each of a large file's messages.
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      // One that cannot be written ends the connection, which wakes as well.
      this.#socket.write(room.message(head, length, { framed: true }), (error) => error ?? resolve());
    });
    this.#wake = undefined;
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

function errorOf({ status, message, code }: UploadRefused): UploadFailed {
  return new UploadFailed(status, message, code === "" ? undefined : code);
}
