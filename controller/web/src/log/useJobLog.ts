// A job's log in the page: what is stored is read in large steps, what comes after is followed live from the very event where the reading ended. A broken
// line is taken up again at the last byte that came.

import type { JobEvent } from "@convirt/contract/job";
import { finalStatuses } from "@convirt/contract/status";
import { useQueryClient } from "@tanstack/react-query";
import { createParser } from "eventsource-parser";
import { useEffect, useState } from "react";
import { call, send } from "../api/client";
import { LogLines } from "./lines";

const stepBytes = 4 * 1024 * 1024;
const againMs = 2_000;

export interface JobLog {
  lines: LogLines;
  /** Counts what has come; a new number is a reason to draw. */
  version: number;
  state: "reading" | "following" | "whole" | "broken";
  /** Bytes that are known to be there. */
  expected: number;
  staging: { bytesSent: number; bytesTotal: number } | null;
}

const nothingYet = { version: 0, state: "reading", expected: 0, staging: null } as const;

export function useJobLog(jobId: string): JobLog {
  const queries = useQueryClient();
  const [log, setLog] = useState<JobLog>(() => ({ lines: new LogLines(), ...nothingYet }));
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const reader = new LogReader(jobId, signal, setLog, () => void queries.invalidateQueries({ queryKey: ["jobs"] }));
    void reader.run();
    return () => stop.abort();
  }, [jobId, queries]);
  return log;
}

class LogReader {
  readonly #lines = new LogLines();
  readonly #jobId: string;
  readonly #signal: AbortSignal;
  readonly #show: (log: JobLog) => void;
  readonly #onEvent: () => void;
  #log: Omit<JobLog, "lines" | "version"> = { state: "reading", expected: 0, staging: null };
  #version = 0;
  #drawing = 0;

  constructor(jobId: string, signal: AbortSignal, show: (log: JobLog) => void, onEvent: () => void) {
    this.#jobId = jobId;
    this.#signal = signal;
    this.#show = show;
    this.#onEvent = onEvent;
  }

  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      const isWhole = await this.#once().catch(() => false);
      if (this.#signal.aborted) return;
      this.#change({ state: isWhole ? "whole" : "broken" });
      if (isWhole) return;
      await new Promise((resolve) => setTimeout(resolve, againMs));
    }
  }

  /** Reads and follows; true when there is nothing to come. */
  async #once(): Promise<boolean> {
    const params = { id: this.#jobId };
    const job = await call("GET /jobs/:id", { params, signal: this.#signal });
    this.#change({ state: "reading", expected: job.logBytes, staging: job.staging });
    while (this.#lines.length < job.logBytes) {
      const query = { offset: this.#lines.length, limit: Math.min(stepBytes, job.logBytes - this.#lines.length) };
      const response = await send("GET /jobs/:id/log", { params, query, signal: this.#signal });
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (bytes.length === 0) return false;
      this.#lines.append(bytes);
      this.#change({});
    }
    if (finalStatuses.has(job.status)) return true;
    return await this.#follow(job.lastSequence);
  }

  async #follow(after: number): Promise<boolean> {
    const options = { params: { id: this.#jobId }, headers: { "last-event-id": String(after) }, signal: this.#signal };
    const response = await send("GET /jobs/:id/events", options);
    if (response.body === null) return false;
    this.#change({ state: "following" });
    let isOver = false;
    const parser = createParser({
      onEvent: ({ event: kind, data }) => {
        // The stream ends, and asking again is refused.
        if (kind === "refused") return;
        const event = JSON.parse(data) as JobEvent;
        if (event.kind === "log") this.#take(event.offset, event.base64);
        else if (event.kind === "staging") this.#change({ staging: event });
        else this.#onEvent();
        if (event.kind === "status") isOver = finalStatuses.has(event.status);
      },
    });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) parser.feed(read.value);
    return isOver;
  }

  /** What was read already is not taken twice. */
  #take(offset: number, base64: string): void {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const known = this.#lines.length - offset;
    if (known < 0) throw new Error("The log has a gap");
    if (known < bytes.length) this.#lines.append(bytes.subarray(known));
    this.#change({ expected: this.#lines.length });
  }

  /** Drawn once a frame, however fast the log comes. */
  #change(change: Partial<Omit<JobLog, "lines" | "version">>): void {
    this.#log = { ...this.#log, ...change };
    this.#version++;
    if (this.#drawing !== 0) return;
    this.#drawing = window.setTimeout(() => {
      this.#drawing = 0;
      if (!this.#signal.aborted) this.#show({ lines: this.#lines, version: this.#version, ...this.#log });
    }, 50);
  }
}
