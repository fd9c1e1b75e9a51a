// One upload on a connection of its own: the controller's messages in, one answer out; upload.proto says how. What an upload costs here is little more than TLS and
// one copy; as messages of gRPC the same bytes cost several times that.
import type { TLSSocket } from "node:tls";
import { decodeUpload, FrameReader, frameOf } from "@convirt/proto/frames";
import { UploadAnswer, type UploadRequest } from "@convirt/proto/upload";
import { status } from "@grpc/grpc-js";
import { Refusal } from "../errors/errors.js";
import { Rooms } from "../staging/rooms.js";
import type { Staging } from "../staging/staging.js";
import type { Handlers } from "./handlers.js";

/** Messages of up to 1 MiB that wait to be taken; the connection is not read on beyond. */
const mostWaiting = 2;
/** Rooms that are kept for the messages to come: of those that wait and those that are being written. */
const mostRooms = 10;
const aliveEveryMs = 10_000;
/** A controller that sends nothing for so long is not there any more. */
const silenceMs = 60_000;
/** How long what still comes is read after the answer: who closes a connection under bytes that come may take his own answer back. */
const lingerMs = 5_000;
const mostUploads = 32;

export interface UploadDependencies {
  handlers: Handlers;
  staging: Pick<Staging, "upload">;
}

/** Takes connections of uploads, so many at once. */
export function uploadConnections({ handlers, staging }: UploadDependencies): (socket: TLSSocket) => void {
  let open = 0;
  return (socket) => {
    open += 1;
    const say = (news: News) => socket.write(frameOf(UploadAnswer.encode({ answer: news }).finish()));
    const alive = setInterval(() => {
      say({ $case: "alive", value: {} });
      if (messages.silentMs() > silenceMs) socket.destroy();
    }, aliveEveryMs);
    socket.once("close", () => {
      open -= 1;
      clearInterval(alive);
    });
    const rooms = new Rooms(mostRooms);
    const messages = new Messages(socket, rooms);
    const ended =
      open > mostUploads
        ? Promise.resolve(tooMany)
        : handlers.connection(socket, (signal) => {
            signal.addEventListener("abort", () => messages.fail(signal.reason as Error), { once: true });
            return staging.upload(messages, (room) => rooms.back(room));
          });
    ended
      .then((news) => {
        clearInterval(alive);
        messages.drop();
        say(news);
        socket.end();
        setTimeout(() => socket.destroy(), lingerMs).unref();
      })
      .catch((error: unknown) => socket.destroy(error as Error));
  };
}

type News = NonNullable<UploadAnswer["answer"]>;

const tooMany: News = {
  $case: "refused",
  value: { status: status.RESOURCE_EXHAUSTED, message: `${mostUploads} uploads are under way on this host`, code: "" },
};

/** What came, in order, to be taken one by one; ends with the controller's empty frame. Throws when the connection ends before. */
class Messages implements AsyncIterable<UploadRequest> {
  readonly #socket: TLSSocket;
  readonly #waiting: UploadRequest[] = [];
  #heardMs = performance.now();
  #isEnded = false;
  #isDropped = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: TLSSocket, rooms: Rooms) {
    this.#socket = socket;
    const reader = new FrameReader(
      (frame) => this.#take(frame),
      (bytes) => rooms.give(bytes),
    );
    socket.on("data", (bytes: Buffer) => {
      this.#heardMs = performance.now();
      if (this.#isDropped) return;
      try {
        reader.take(bytes);
      } catch (error) {
        // Nothing after it can be told apart.
        this.#isDropped = true;
        this.fail(new Refusal("bad_request", `What came is no upload: ${(error as Error).message}`));
      }
    });
    socket.once("close", () =>
      this.fail(new DOMException("The connection ended in the middle of an upload", "AbortError")),
    );
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<UploadRequest> {
    for (;;) {
      const message = this.#waiting.shift();
      if (message !== undefined) {
        if (this.#waiting.length < mostWaiting) this.#socket.resume();
        yield message;
      } else if (this.#failure !== undefined) throw this.#failure;
      else if (this.#isEnded) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** For how long nothing has come that was waited for. */
  silentMs(): number {
    return this.#isEnded || this.#socket.isPaused() ? 0 : performance.now() - this.#heardMs;
  }

  /** Whatever still comes is read, so that the other end is not held up, and is nobody's. */
  drop(): void {
    this.#isDropped = true;
    this.#waiting.length = 0;
    this.#socket.resume();
  }

  #take(frame: Buffer): void {
    if (frame.length === 0) this.#isEnded = true;
    else this.#waiting.push(decodeUpload(frame));
    if (this.#waiting.length >= mostWaiting) this.#socket.pause();
    this.#wake?.();
  }

  /** To whoever takes them, after those that wait. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }
}
