// Asks a host about jobs: check, start, follow, cancel, forget. Errors of the wire come out as `mapAgentError` names them; every call has a
// deadline but Follow, which lasts as long as its job and ends with `signal`. No text comes out with a secret of the job.
import type {
  CancelOutcome,
  CheckReply,
  CleanReply,
  JobEvent,
  JobSummary,
  ProvisionServiceClient,
  ProvisionSpec,
} from "@convirt/proto/provision";
import { Metadata } from "@grpc/grpc-js";
import { Injectable } from "@nestjs/common";
import { Refusal } from "../errors/refusal.js";
import { mapAgentError } from "./agent-error.js";
import { AgentsService } from "./agents.service.js";
import { logStepBytes } from "./channel.js";
import { hear, heard } from "./hear.js";
import { unary } from "./unary.js";

/** Large disks are deleted, and mounts that are busy waited for. */
const cleanMs = 120_000;

@Injectable()
export class JobsService {
  private readonly agents: AgentsService;

  constructor(agents: AgentsService) {
    this.agents = agents;
  }

  /** The host's verdict; nothing is written there. */
  check(hostId: string, spec: ProvisionSpec): Promise<CheckReply> {
    const client = this.client(hostId);
    const answer = unary<CheckReply>((options, done) => client.check({ spec }, new Metadata(), options, done));
    return hear(answer, spec.secrets);
  }

  /** Hands the job over. A job that the host knows already is not begun again. */
  async start(hostId: string, spec: ProvisionSpec): Promise<{ known: boolean }> {
    const client = this.client(hostId);
    const answer = unary<{ known: boolean }>((options, done) => client.start({ spec }, new Metadata(), options, done));
    return await hear(answer, spec.secrets);
  }

  async cancel(hostId: string, jobId: string): Promise<CancelOutcome> {
    const client = this.client(hostId);
    const reply = await unary<{ outcome: CancelOutcome }>((options, done) =>
      client.cancel({ jobId }, new Metadata(), options, done),
    );
    return reply.outcome;
  }

  /** Removes what a job that has ended left there. Throws Refusal agent_too_old of an agent that cannot. */
  async clean(hostId: string, jobId: string): Promise<CleanReply> {
    const { provision, hostName } = this.agents.connection(hostId);
    if (!this.agents.has(hostId, "provision.clean"))
      throw new Refusal(
        "agent_too_old",
        `Cannot clean what job ${jobId} left on ${hostName}: its agent is of an older release, which cannot. Update it`,
      );
    return await unary(
      (options, done) => provision.clean({ jobId, paths: [] }, new Metadata(), options, done),
      cleanMs,
    );
  }

  /** The jobs in the host's journal. */
  async list(hostId: string, limitMs?: number): Promise<JobSummary[]> {
    const client = this.client(hostId);
    const reply = await unary<{ jobs: JobSummary[] }>(
      (options, done) => client.listJobs({}, new Metadata(), options, done),
      limitMs,
    );
    return reply.jobs;
  }

  async forget(hostId: string, jobId: string): Promise<void> {
    const client = this.client(hostId);
    await unary((options, done) => client.forget({ jobId }, new Metadata(), options, done));
  }

  /** What comes, in batches of all that has arrived by then. Reading the next batch is what lets more arrive. */
  async *follow(
    hostId: string,
    { secrets, ...from }: { jobId: string; afterSequence: bigint; logOffset: bigint; secrets: readonly string[] },
    signal: AbortSignal,
  ): AsyncGenerator<JobEvent[]> {
    signal.throwIfAborted();
    const call = this.client(hostId).follow(from);
    const waker = new Waker();
    let ended = false;
    let failure: Error | undefined;
    call.on("readable", () => waker.wake());
    call.on("end", () => {
      ended = true;
      waker.wake();
    });
    call.on("error", (error) => {
      failure = error;
      waker.wake();
    });
    const stop = (): void => call.cancel();
    signal.addEventListener("abort", stop, { once: true });
    try {
      for (;;) {
        const batch = arrived(call);
        if (batch.length > 0) {
          yield heard(batch, secrets);
          continue;
        }
        if (failure !== undefined) throw signal.aborted ? signal.reason : mapAgentError(failure);
        if (ended) return;
        await waker.wait();
      }
    } finally {
      signal.removeEventListener("abort", stop);
      call.cancel();
    }
  }

  private client(hostId: string): ProvisionServiceClient {
    return this.agents.connection(hostId).provision;
  }
}

/** At most so much that a fast script cannot fill the memory. */
function arrived(call: { read(): JobEvent | null }): JobEvent[] {
  const batch: JobEvent[] = [];
  let bytes = 0;
  while (bytes < logStepBytes) {
    const event = call.read();
    if (event === null) break;
    batch.push(event);
    bytes += event.event?.$case === "log" ? event.event.value.data.length : 256;
  }
  return batch;
}

/** Remembers one wake-up, so that what arrives between looking and waiting is not missed. */
class Waker {
  private awake = false;
  private resolve: (() => void) | undefined;

  wake(): void {
    this.awake = true;
    this.resolve?.();
  }

  async wait(): Promise<void> {
    if (!this.awake) await new Promise<void>((resolve) => (this.resolve = resolve));
    this.awake = false;
    this.resolve = undefined;
  }
}
