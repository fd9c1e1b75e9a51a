// An upload as a call of gRPC, for agents that have nothing better.
import { StagingServiceClient, UploadReply } from "@convirt/proto/staging";
import type { ClientWritableStream } from "@grpc/grpc-js";
import { channelCredentials, channelOptions, type HostAccess } from "./channel.js";
import { EndedByHost, type UploadWay } from "./upload-way.js";

/** Messages that may wait to be sent. */
const mostWaiting = 8;
const uploadPath = "/convirt.agent.v1.StagingService/Upload";

export class UploadCall implements UploadWay {
  readonly framed = false;
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
        (error) => (error === null ? resolve() : reject(error)),
      );
    });
    // Waited for at the end.
    this.#answer.catch(() => undefined);
    this.#stream = stream as unknown as ClientWritableStream<Buffer>;
  }

  async send(message: Buffer): Promise<void> {
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
