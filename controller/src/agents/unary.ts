import type { CallOptions, ClientUnaryCall, ServiceError } from "@grpc/grpc-js";
import { mapAgentError } from "./agent-error.js";

const callMs = 15_000;

/** A call with one answer, as a promise, with a deadline. */
export function unary<Reply>(
  call: (options: Partial<CallOptions>, done: (error: ServiceError | null, reply: Reply) => void) => ClientUnaryCall,
  limitMs = callMs,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    call({ deadline: Date.now() + limitMs }, (error, reply) =>
      error === null ? resolve(reply) : reject(mapAgentError(error)),
    );
  });
}
