// Follows a job by the controller's server-sent events: resumes by itself from the last event that arrived, checks that no byte of the log is missing or
// doubled, and ends with the job's final status.
import { setTimeout as delay } from "node:timers/promises";
import { finalStatuses, type JobEvent, type JobStatus, jobEvent } from "@convirt/contract/job";
import { createParser } from "eventsource-parser";
import type { Client } from "./client.js";
import { CommandFailed, exitCodes } from "./exit.js";

export interface Ended {
  status: JobStatus;
  code: string | null;
  message: string | null;
}

const longestPauseMs = 5_000;
const mostAttempts = 60;

/** Hands every event of the job to `onEvent`, in order and once each, until the job has ended. */
export async function followJob(
  client: Client,
  id: string,
  options: { signal: AbortSignal; onEvent: (event: JobEvent) => void; onGap?: (why: string) => void },
): Promise<Ended> {
  let last = 0;
  let ended: Ended | undefined;
  const take = (event: JobEvent) => {
    if (event.sequence <= last) return;
    last = event.sequence;
    options.onEvent(event);
    if (event.kind === "status" && finalStatuses.has(event.status)) ended = event;
  };
  for (let attempt = 0; ; attempt += 1) {
    const before = last;
    try {
      await readEvents(client, id, last, options.signal, take);
    } catch (error) {
      if (options.signal.aborted || (error instanceof CommandFailed && error.exitCode !== exitCodes.unreachable))
        throw error;
      options.onGap?.(error instanceof Error ? error.message : String(error));
    }
    if (ended !== undefined) return ended;
    if (last > before) attempt = 0;
    if (attempt >= mostAttempts) {
      throw new CommandFailed(
        exitCodes.unreachable,
        `Lost contact with the controller while following job ${id}. The job goes on; see: convirt job show ${id}`,
      );
    }
    await delay(Math.min(longestPauseMs, 100 * 2 ** attempt), undefined, { signal: options.signal });
  }
}

async function readEvents(
  client: Client,
  id: string,
  last: number,
  signal: AbortSignal,
  take: (event: JobEvent) => void,
): Promise<void> {
  const response = await client.open("followJob", {
    params: { id },
    headers: last > 0 ? { "last-event-id": String(last) } : {},
    signal,
  });
  const parser = createParser({
    onEvent: (message) => {
      // Asking again is answered by a refusal, in the words that every command has for it.
      if (message.event === "refused") return;
      take(jobEvent.parse(JSON.parse(message.data)));
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of response.body) parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
}
