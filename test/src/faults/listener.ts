// A client that follows a job to its end whatever happens between: cut off, it resumes by Last-Event-ID, and it counts what came twice and what did not come.
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { finalStatuses, type JobEvent, type JobStatus } from "@convirt/contract/job";
import type { ApiClient } from "@convirt/demo/api-client";
import type { Random } from "./random.js";

export interface Seen {
  status: JobStatus | undefined;
  connections: number;
  eventsDoubled: number;
  eventsLost: number;
  /** Bytes that came where other bytes should have been. */
  bytesMisplaced: number;
  bytes: number;
  sha256: string;
}

export interface Cutting {
  random: Random;
  /** Events after which a connection is cut: between 1 and this. */
  most: number;
}

const againMs = 50;

export class Listener {
  readonly #client: ApiClient;
  readonly #jobId: string;
  readonly #cutting: Cutting | undefined;
  readonly #hash = createHash("sha256");
  readonly #seen: Omit<Seen, "sha256"> = {
    status: undefined,
    connections: 0,
    eventsDoubled: 0,
    eventsLost: 0,
    bytesMisplaced: 0,
    bytes: 0,
  };
  #last = 0;

  constructor(client: ApiClient, jobId: string, cutting?: Cutting) {
    this.#client = client;
    this.#jobId = jobId;
    this.#cutting = cutting;
  }

  /** Follows until the job's final status, or the signal. */
  async untilEnd(signal: AbortSignal): Promise<Seen> {
    while (!signal.aborted && !(this.#seen.status !== undefined && finalStatuses.has(this.#seen.status))) {
      try {
        await this.#once(signal);
      } catch {
        // The controller is not there, or its connection broke: that is what this is about.
      }
      await delay(againMs);
    }
    return { ...this.#seen, sha256: this.#hash.digest("hex") };
  }

  async #once(signal: AbortSignal): Promise<void> {
    const cut = new AbortController();
    let left =
      this.#cutting === undefined ? Number.POSITIVE_INFINITY : this.#cutting.random.whole(1, this.#cutting.most);
    const options = { last: this.#last, signal: AbortSignal.any([signal, cut.signal]) };
    this.#seen.connections += 1;
    try {
      for await (const event of this.#client.events(this.#jobId, options)) {
        this.#take(event);
        left -= 1;
        if (left <= 0) return;
      }
    } finally {
      cut.abort();
    }
  }

  #take(event: JobEvent): void {
    if (event.sequence <= this.#last) this.#seen.eventsDoubled += 1;
    else this.#seen.eventsLost += event.sequence - this.#last - 1;
    this.#last = event.sequence;
    if (event.kind === "status") this.#seen.status = event.status;
    if (event.kind !== "log") return;
    const bytes = Buffer.from(event.base64, "base64");
    if (event.offset !== this.#seen.bytes) this.#seen.bytesMisplaced += bytes.length;
    this.#seen.bytes += bytes.length;
    this.#hash.update(bytes);
  }
}
