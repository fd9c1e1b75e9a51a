// From what a host says of a job to what is stored and shown: one form for events, whether they come from the database or straight from a host.
import type { JobEvent } from "@convirt/contract/job";
import type { JobEventEntity } from "./job.entity.js";

/** An event without its place in the job's sequence. */
export type EventBody = JobEvent extends infer Each
  ? Each extends JobEvent
    ? Omit<Each, "sequence" | "at">
    : never
  : never;

/** A log chunk keeps its bytes as bytes until they are shown. */
export type Entry = { kind: "log"; offset: number; bytes: Buffer } | Exclude<EventBody, { kind: "log" }>;

export function toRow(jobId: string, sequence: number, at: string, entry: Entry): JobEventEntity {
  if (entry.kind === "log")
    return { jobId, sequence, kind: "log", at, body: null, logOffset: entry.offset, bytes: entry.bytes };
  const { kind, ...body } = entry;
  return { jobId, sequence, kind, at, body: JSON.stringify(body), logOffset: null, bytes: null };
}

export function fromRow(row: JobEventEntity): JobEvent {
  const { sequence, at } = row;
  if (row.kind === "log")
    return {
      kind: "log",
      sequence,
      at,
      offset: row.logOffset ?? 0,
      base64: (row.bytes ?? Buffer.alloc(0)).toString("base64"),
    };
  return { kind: row.kind, sequence, at, ...JSON.parse(row.body ?? "{}") } as JobEvent;
}

/** The event as SSE sends it. */
export function toFrame(row: JobEventEntity): string {
  return `id: ${row.sequence}\nevent: ${row.kind}\ndata: ${JSON.stringify(fromRow(row))}\n\n`;
}
