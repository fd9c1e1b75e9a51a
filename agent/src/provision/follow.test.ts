import { randomUUID } from "node:crypto";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ended, type JobEvent, ProvisionSpec } from "@convirt/proto/provision";
import { afterEach, beforeEach, expect, test } from "vitest";
import { JobLog } from "../script/job-log.js";
import { temporaryFolder, until } from "../testing.js";
import { type Followable, follow } from "./follow.js";
import { Journal } from "./journal.js";

/** So long that a test which waits for it does not end: all that comes must have rung. */
const never = { toldMs: 3_600_000, untoldMs: 3_600_000, restMs: () => 0 };

let folder: ReturnType<typeof temporaryFolder>;
let job: PlainJob;
let over: AbortController;

beforeEach(() => {
  folder = temporaryFolder();
  job = new PlainJob(folder.path);
  over = new AbortController();
});
afterEach(() => {
  over.abort();
  job.journal.close();
  folder.remove();
});

/** A job whose events and log the test makes. */
class PlainJob implements Followable {
  readonly journal: Journal;
  readonly path: string;
  log: JobLog | undefined;
  #listener: () => void = () => undefined;

  constructor(path: string) {
    const jobs = join(path, "jobs");
    mkdirSync(jobs);
    this.journal = Journal.create(jobs, ProvisionSpec.fromPartial({ jobId: randomUUID() }));
    this.path = join(path, "log");
  }

  get ended(): Ended | undefined {
    return this.journal.ended;
  }

  onEvent(listener: () => void): () => void {
    this.#listener = listener;
    return () => {
      this.#listener = () => undefined;
    };
  }

  launch(): void {
    writeFileSync(this.path, "");
    this.log = new JobLog(this.journal, this.path, 64);
    this.#listener();
  }

  end(): void {
    const logBytes = this.log?.bytes ?? 0;
    const event: JobEvent = {
      sequence: BigInt(this.journal.entries.length + 1),
      at: new Date().toISOString(),
      event: { $case: "ended", value: Ended.fromPartial({ logBytes: BigInt(logBytes) }) },
    };
    this.journal.append({ event, logBytes });
    this.#listener();
  }
}

function followed(waits = never): { kinds: string[]; log: () => string; pieces: () => number; end: Promise<void> } {
  const kinds: string[] = [];
  let log = "";
  let pieces = 0;
  const send = (event: JobEvent) => {
    if (event.event?.$case === "log") {
      log += Buffer.from(event.event.value.data).toString();
      pieces += 1;
    } else if (event.event !== undefined) kinds.push(event.event.$case);
    return Promise.resolve();
  };
  const end = follow(job, { afterSequence: 0n, logOffset: 0 }, send, { signal: over.signal, waits });
  end.catch(() => undefined);
  return { kinds, log: () => log, pieces: () => pieces, end };
}

const seen = (look: () => boolean) => until(() => (look() ? true : undefined));

test("what a script writes reaches a follower that came before the script, without a look at the clock", async () => {
  const { log } = followed();
  job.launch();
  appendFileSync(job.path, "one\n");
  await seen(() => log() === "one\n");
  appendFileSync(job.path, "two\n");
  await seen(() => log() === "one\ntwo\n");
});

test("a log that grows line by line is sent in few pieces, whole and in order", async () => {
  const lines = Array.from({ length: 60 }, (_, index) => `line ${index}\n`);
  const { log, pieces, end } = followed({ ...never, restMs: () => 3_600_000 });
  job.launch();
  appendFileSync(job.path, "first\n");
  await seen(() => log() === "first\n");
  for (const line of lines) appendFileSync(job.path, line);
  job.end();
  await end;
  expect(log()).toBe(`first\n${lines.join("")}`);
  expect(pieces()).toBe(2);
});

test("the end of a job whose log is watched reaches its follower without a look at the clock", async () => {
  const { kinds, log, end } = followed();
  job.launch();
  appendFileSync(job.path, "last words");
  await seen(() => log() === "last words");
  job.end();
  await end;
  expect(kinds).toEqual(["ended"]);
});
