// What came over the wire as an error, as one of our own: a host's refusal with its code, or a host that cannot be spoken to.
import { refusalCodes } from "@convirt/contract/error";
import { type ServiceError, status } from "@grpc/grpc-js";
import { AgentUnavailable } from "../errors/agent-unavailable.js";
import { Refusal, type RefusalCode } from "../errors/refusal.js";

/** What the agent calls otherwise than the contract does. */
const ownWords: Readonly<Record<string, RefusalCode>> = { toolstack_refused: "action_failed" };

/** A host's own no; `agentCode` is the agent's word for it. */
export class HostRefusal extends Refusal {
  readonly agentCode: string;
  constructor(agentCode: string, message: string) {
    const code = ownWords[agentCode] ?? (agentCode in refusalCodes ? (agentCode as RefusalCode) : "host_refused");
    super(code, message, {
      details: { hostCode: agentCode },
    });
    this.agentCode = agentCode;
  }
}

export function mapAgentError(error: unknown): Error {
  if (!(error instanceof Error) || !("code" in error) || !("metadata" in error))
    return error instanceof Error ? error : new Error(String(error));
  const { code, details, metadata } = error as ServiceError;
  const [agentCode] = metadata.get("convirt-code");
  return mapWireError(code, details, agentCode === undefined ? undefined : String(agentCode), error);
}

/** The same of the parts of an error, for one that came from another thread. */
export function mapWireError(code: number, details: string, agentCode: string | undefined, cause?: unknown): Error {
  if (agentCode !== undefined) return new HostRefusal(agentCode, details);
  // The library's own words for it are of load balancers and addresses.
  if (code === status.DEADLINE_EXCEEDED) return new AgentUnavailable("it gave no answer in time", { cause });
  if (code === status.UNAVAILABLE || code === status.CANCELLED) return new AgentUnavailable(details, { cause });
  return new Error(`The agent answered ${status[code] ?? code}: ${details}`, { cause });
}
