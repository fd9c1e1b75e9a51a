// Every call under way on a link, of whichever service, so that all of them end with it: closing a channel lets calls run on that have begun, and a host
// that is no longer trusted is not to be talked to for another second.
import { InterceptingCall, type Interceptor, status } from "@grpc/grpc-js";

export class LiveCalls {
  readonly #calls = new Set<InterceptingCall>();

  get count(): number {
    return this.#calls.size;
  }

  /** To be given to every client of the link. */
  readonly interceptor: Interceptor = (options, nextCall) => {
    const call: InterceptingCall = new InterceptingCall(nextCall(options), {
      start: (metadata, _listener, next) => {
        this.#calls.add(call);
        next(metadata, {
          onReceiveStatus: (ended, nextStatus) => {
            this.#calls.delete(call);
            nextStatus(ended);
          },
        });
      },
    });
    return call;
  };

  /** Ends them all, as the other end's silence would. */
  end(why: string): void {
    for (const call of this.#calls) call.cancelWithStatus(status.UNAVAILABLE, why);
    this.#calls.clear();
  }
}
