// What stands between the wire and the services: who calls, the signal that ends with the call, and the one place where refusals and bugs become gRPC statuses.
import type { TLSSocket } from "node:tls";
import type { UploadAnswer, UploadReply } from "@convirt/proto/upload";
import {
  Metadata,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { Refusal, type RefusalCode } from "../errors/errors.js";
import type { Log } from "../log.js";
import { isController } from "./caller.js";

type Call = {
  getAuthContext(): { sslPeerCertificate?: { subjectaltname?: string | undefined } };
  on(event: "cancelled", listener: () => void): unknown;
};

const statusOf: Partial<Record<RefusalCode, status>> = {
  bad_request: status.INVALID_ARGUMENT,
  not_found: status.NOT_FOUND,
  vm_not_on_host: status.NOT_FOUND,
  too_many_jobs: status.RESOURCE_EXHAUSTED,
};

export class Handlers {
  readonly #stopping = new AbortController();
  readonly #log: Log;
  readonly #open: boolean;

  /** `open` lets anybody call: for tests of services alone, over a connection without TLS. */
  constructor(log: Log, options: { open?: boolean } = {}) {
    this.#log = log;
    this.#open = options.open ?? false;
  }

  /** Ends every stream that is open and every one that is opened: their callers come back to the agent that is started next. */
  endStreams(): void {
    this.#stopping.abort(new Stopping());
  }

  unary<Q, A>(
    work: (request: Q, signal: AbortSignal) => Promise<A>,
  ): (call: ServerUnaryCall<Q, A>, callback: sendUnaryData<A>) => void {
    return (call, callback) => {
      this.#guarded(call, (signal) => work(call.request, signal)).then(
        (answer) => callback(null, answer),
        (error: unknown) => callback(this.#wire(error)),
      );
    };
  }

  /** `work` sends through `send`, which waits while the reader is slow; the stream ends when it returns. */
  serverStream<Q, A>(
    work: (request: Q, send: (message: A) => Promise<void>, signal: AbortSignal) => Promise<void>,
  ): (call: ServerWritableStream<Q, A>) => void {
    return (call) => {
      this.#streaming(call, (signal) => work(call.request, (message) => writeTo(call, message, signal), signal)).then(
        () => call.end(),
        // Not destroy(): the library sends a stream's status when it ends in order.
        (error: unknown) => call.emit("error", this.#wire(error)),
      );
    };
  }

  clientStream<Q, A>(
    work: (messages: AsyncIterable<Q>, signal: AbortSignal) => Promise<A>,
  ): (call: ServerReadableStream<Q, A>, callback: sendUnaryData<A>) => void {
    return (call, callback) => {
      this.#streaming(call, (signal) => work(call as AsyncIterable<Q>, signal)).then(
        (answer) => callback(null, answer),
        (error: unknown) => callback(this.#wire(error)),
      );
    };
  }

  /** For an upload on a connection of its own: like a client stream; the answer says how it ended. */
  async connection(
    socket: TLSSocket,
    work: (signal: AbortSignal) => Promise<UploadReply>,
  ): Promise<NonNullable<UploadAnswer["answer"]>> {
    const call: Call = {
      getAuthContext: () => ({ sslPeerCertificate: socket.getPeerCertificate() }),
      on: (_cancelled, listener) => socket.once("close", listener),
    };
    try {
      return { $case: "taken", value: await this.#streaming(call, work) };
    } catch (error) {
      const { code, details, metadata } = this.#wire(error);
      const word = String(metadata.get("convirt-code")[0] ?? "");
      return { $case: "refused", value: { status: code, message: details, code: word } };
    }
  }

  /** Like #guarded, and aborted too when the agent stops. */
  async #streaming<T>(call: Call, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stopping = this.#stopping.signal;
    return this.#guarded(call, async (cancelled) => {
      const either = new AbortController();
      const stop = () => either.abort(stopping.reason);
      const cancel = () => either.abort(cancelled.reason);
      stopping.addEventListener("abort", stop, { once: true });
      cancelled.addEventListener("abort", cancel, { once: true });
      try {
        stopping.throwIfAborted();
        const answer = await work(either.signal);
        stopping.throwIfAborted();
        return answer;
      } catch (error) {
        throw stopping.aborted ? new Stopping() : error;
      } finally {
        stopping.removeEventListener("abort", stop);
        cancelled.removeEventListener("abort", cancel);
      }
    });
  }

  async #guarded<T>(call: Call, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (!this.#open && !isController(call.getAuthContext().sslPeerCertificate)) throw new NotTheController();
    const controller = new AbortController();
    call.on("cancelled", () => controller.abort(new Cancelled()));
    return work(controller.signal);
  }

  #wire(error: unknown): ServiceError {
    const metadata = new Metadata();
    if (error instanceof NotTheController) return wireError(status.UNAUTHENTICATED, error.message, metadata);
    if (error instanceof Refusal) {
      metadata.set("convirt-code", error.code);
      for (const [key, value] of Object.entries(error.details))
        metadata.set(`convirt-detail-${key.toLowerCase()}-bin`, Buffer.from(value));
      return wireError(statusOf[error.code] ?? status.FAILED_PRECONDITION, error.message, metadata);
    }
    if (error instanceof Stopping) return wireError(status.UNAVAILABLE, error.message, metadata);
    if (error instanceof Cancelled || isOfCallersGoing(error))
      return wireError(status.CANCELLED, "The call was cancelled", metadata);
    this.#log.error("A call met an error of the agent's own", { error });
    return wireError(status.INTERNAL, "The agent met an error of its own; see its log", metadata);
  }
}

/** What a wait that was aborted, and a stream that was cut while it was read, end with. */
function isOfCallersGoing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === "AbortError" || (error as NodeJS.ErrnoException).code === "ERR_STREAM_PREMATURE_CLOSE";
}

class NotTheController extends Error {
  constructor() {
    super("Only the controller may call this agent");
  }
}

class Cancelled extends Error {}

class Stopping extends Error {
  constructor() {
    super("The agent stops; ask again in a moment");
  }
}

function wireError(code: status, details: string, metadata: Metadata): ServiceError {
  return Object.assign(new Error(details), { code, details, metadata });
}

function writeTo<A>(call: ServerWritableStream<unknown, A>, message: A, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (call.write(message)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const drained = () => {
      signal.removeEventListener("abort", gone);
      resolve();
    };
    const gone = () => {
      call.removeListener("drain", drained);
      reject(signal.reason as Error);
    };
    call.once("drain", drained);
    signal.addEventListener("abort", gone, { once: true });
  });
}
