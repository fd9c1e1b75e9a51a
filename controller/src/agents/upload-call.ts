// An upload as a call of gRPC, for agents that have nothing better.
import { type UploadHead, UploadRoom } from "@convirt/proto/frames";
import { StagingServiceClient } from "@convirt/proto/staging";
import { UploadReply } from "@convirt/proto/upload";
import type { ClientWritableStream, ServiceError } from "@grpc/grpc-js";
import { channelCredentials, channelOptions } from "./channel.js";
import type { HostAccess } from "./host-access.js";
import { EndedByHost, UploadFailed, type UploadWay } from "./upload-way.js";

/** Messages that may wait to be sent. */
const mostWaiting = 8;
const uploadPath = "/convirt.agent.v1.StagingService/Upload";

export class UploadCall implements UploadWay {
  readonly #client: StagingServiceClient;
  readonly #stream: ClientWritableStream<Buffer>;
  readonly #answer: Promise<void>;

  constructor(access: HostAccess) {
    this.#client = new StagingServiceClient(
      access.address,
      channelCredentials(access, () => access.fingerprints),
      channelOptions(access.hostId),
    );
    let stream: ClientWritableStream<Buffer> | undefined;
    this.#answer = new Promise<void>((resolve, reject) => {
      stream = this.#client.makeClientStreamRequest<Buffer, UploadReply>(
        uploadPath,
        (message) => message,
        (bytes) => UploadReply.decode(bytes),
        (error) => (error === null ? resolve() : reject(failureOf(error))),
      );
    });
    // Waited for at the end.
    this.#answer.catch(() => undefined);
    this.#stream = stream as unknown as ClientWritableStream<Buffer>;
  }

  /** Several messages wait at once: each has its own. */
  room(): UploadRoom {
    return new UploadRoom();
  }

  async send(head: UploadHead, room: UploadRoom, length: number): Promise<void> {
    const message = room.message(head, length);
    if (!this.#stream.write(message) || this.#stream.writableLength >= mostWaiting) await this.#drained();
  }

  async finish(): Promise<void> {
    this.#stream.end();
    await this.#answer;
  }

  close(): void {
    this.#stream.cancel();
    this.#client.close();
  }

  async #drained(): Promise<void> {
    const stream = this.#stream;
    if (!stream.writableNeedDrain) return await new Promise((resolve) => setImmediate(resolve));
    await new Promise<void>((resolve, reject) => {
      const ended = () => settle(() => reject(new EndedByHost()));
      const drain = () => settle(resolve);
      const settle = (done: () => void) => {
        stream.off("drain", drain).off("close", ended).off("error", ended);
        done();
      };
      stream.on("drain", drain).on("close", ended).on("error", ended);
    });
  }
}

function failureOf({ code, details, metadata }: ServiceError): UploadFailed {
  const [word] = metadata.get("convirt-code");
  return new UploadFailed(code, details, word === undefined ? undefined : String(word));
}
