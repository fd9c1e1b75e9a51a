import { createHash, randomUUID } from "node:crypto";
import { type JobEvent as HostEvent, Outcome, Phase } from "@convirt/proto/provision";
import fc from "fast-check";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AuditEntity } from "../audit/audit.entity.js";
import { AuditService } from "../audit/audit.service.js";
import { migrations } from "../database/migrations.js";
import { walOf } from "../database/wal.js";
import { VmEntity } from "../domains/vm.entity.js";
import { VmRecords } from "../domains/vm-records.service.js";
import { EventsService } from "../events/events.service.js";
import { JobEntity, JobEventEntity } from "./job.entity.js";
import { JobFeed } from "./job-feed.js";
import { LogGap } from "./job-log.js";
import { JobRecorder } from "./job-recorder.js";
import { readLog } from "./stored-log.js";

let database: DataSource;
let feed: JobFeed;
let recorder: JobRecorder;

beforeEach(async () => {
  database = await new DataSource({
    type: "better-sqlite3",
    database: ":memory:",
    entities: [JobEntity, JobEventEntity, VmEntity, AuditEntity],
    migrations,
    migrationsRun: true,
  }).initialize();
  feed = new JobFeed(new EventsService());
  recorder = newRecorder();
});
afterEach(() => database.destroy());

function newRecorder(): JobRecorder {
  return new JobRecorder(
    database,
    feed,
    new VmRecords(database.getRepository(VmEntity)),
    new AuditService(database),
    walOf(database),
  );
}

async function newJob(): Promise<string> {
  const id = randomUUID();
  const job = {
    ...{ id, status: "queued", phase: null, image: "Tiny_Linux", imageVersion: "0".repeat(64) },
    ...{ hostId: "h", host: "xen1", vm: `vm-${id}`, vmClaim: `vm-${id}`, vmUuid: randomUUID(), start: false },
    ...{ requestedBy: "ada", requestedById: "u", idempotencyKey: null, reason: null, retryOf: null },
    ...{
      request: { image: "Tiny_Linux", host: "xen1", vm: "web1" },
      options: { imageConf: {}, vmConf: { memory: 64 } },
    },
    ...{ spec: { trees: [], imageConf: "", vmConf: "", timeoutMs: 0 }, createdAt: new Date().toISOString() },
    ...{ startedAt: null, endedAt: null, number: 0, restored: false, code: null, message: null, exitCode: null },
    ...{
      logBytes: 0,
      logSha256: null,
      logFault: null,
      logCut: false,
      lastSequence: 0,
      agentSequence: 0,
      staging: null,
    },
    ...{ phases: [], proofs: [], leftovers: [], cleaned: [], disks: [], vmConfigPath: null, vmConfig: null },
  } as unknown as JobEntity;
  await database.transaction((tx) => recorder.create(tx, job));
  await recorder.act(id, { act: "dispatch" }, { code: null, message: null });
  return id;
}

const at = "2026-01-01T00:00:00.000Z";
const bytes = (offset: number, data: Uint8Array): HostEvent => ({
  sequence: 0n,
  at,
  event: { $case: "log", value: { offset: BigInt(offset), data: Buffer.from(data) } },
});
const phase = (sequence: bigint): HostEvent => ({
  sequence,
  at,
  event: { $case: "phaseStarted", value: { phase: Phase.SCRIPT } },
});
function ended(
  sequence: bigint,
  log: Buffer,
  sha = createHash("sha256").update(log).digest("hex"),
  outcome: Outcome = Outcome.SUCCEEDED,
): HostEvent {
  const value = {
    ...{ outcome, code: "", phase: Phase.PROVE, message: "", exitCode: 0 },
    ...{ logBytes: BigInt(log.length), logSha256: sha, proofs: [], leftovers: [], disks: [] },
    ...{
      vmConfigPath: "/var/vm",
      vmConfig: "name = 'x'\n",
      domainId: 0,
      vmConf: "",
      cleaned: [],
      commands: [],
      logCut: false,
    },
  };
  return { sequence, at, event: { $case: "ended", value } };
}

function lostAt(sequence: bigint, log: Buffer): HostEvent {
  return ended(sequence, log, undefined, Outcome.LOST);
}

async function storedLog(id: string, offset = 0): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of readLog(database.manager, id, offset)) all.push(piece);
  return Buffer.concat(all);
}

describe("JobRecorder", () => {
  it("stores every byte once, in order, whatever was sent twice or cut, across restarts", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 5000 }),
        fc.array(fc.record({ back: fc.nat(300), size: fc.nat(400), told: fc.boolean(), restart: fc.boolean() }), {
          maxLength: 30,
        }),
        async (data, cuts) => {
          const id = await newJob();
          let sent = 0;
          for (const { back, size, told, restart } of cuts) {
            const from = Math.max(0, sent - back);
            const to = Math.min(data.length, from + size);
            await recorder.record(id, [...(told ? [phase(1n)] : []), bytes(from, data.slice(from, to))]);
            sent = Math.max(sent, to);
            if (restart) recorder = newRecorder();
          }
          const rest = bytes(sent, data.slice(sent));
          const job = await recorder.record(id, [rest, ended(2n, Buffer.from(data)), ended(2n, Buffer.from(data))]);
          expect(await storedLog(id)).toEqual(Buffer.from(data));
          expect(job).toMatchObject({ status: "succeeded", message: null, logBytes: data.length });
          const rows = await database.manager.find(JobEventEntity, {
            where: { jobId: id },
            order: { sequence: "ASC" },
          });
          expect(rows.map(({ sequence }) => sequence)).toEqual(rows.map((_row, index) => index + 1));
          expect(rows.filter(({ kind }) => kind === "phase_started").length).toBe(
            cuts.some(({ told }) => told) ? 1 : 0,
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it("reads a log of many small chunks whole, from any byte on, and finds its SHA-256 again after a restart", async () => {
    const id = await newJob();
    const lines = Array.from({ length: 50 }, (_, index) => `line ${index}\n`);
    const whole = Buffer.from(lines.join(""));
    let offset = 0;
    for (const line of lines) {
      await recorder.record(id, [bytes(offset, Buffer.from(line))]);
      offset += line.length;
    }
    for (const from of [0, 1, 7, 8, 200, whole.length - 1, whole.length, whole.length + 9])
      expect((await storedLog(id, from)).toString()).toBe(whole.subarray(from).toString());
    recorder = newRecorder();
    expect(await recorder.record(id, [ended(1n, whole)])).toMatchObject({ status: "succeeded", message: null });
  });

  it("stores what the logs of many jobs have grown by together, and a gap in one is an error of that one alone", async () => {
    const ids: string[] = [];
    for (let count = 0; count < 30; count += 1) ids.push(await newJob());
    const [odd = "", ...others] = ids;
    const transactions = vi.spyOn(database, "createQueryRunner");
    const wrong = expect(recorder.record(odd, [bytes(3, Buffer.from("x"))])).rejects.toThrow(LogGap);
    await Promise.all(others.map((id) => recorder.record(id, [bytes(0, Buffer.from(id))])));
    await wrong;
    expect(transactions.mock.calls.length).toBeLessThanOrEqual(2);
    for (const id of others) expect((await storedLog(id)).toString()).toBe(id);
    expect((await storedLog(odd)).length).toBe(0);
  });

  it("refuses bytes that do not join those stored, and stores nothing of the batch", async () => {
    const id = await newJob();
    await recorder.record(id, [bytes(0, Buffer.from("abc"))]);
    await expect(recorder.record(id, [phase(1n), bytes(5, Buffer.from("x"))])).rejects.toThrow(LogGap);
    expect((await database.manager.findOneByOrFail(JobEntity, { id })).agentSequence).toBe(0);
    expect((await storedLog(id)).toString()).toBe("abc");
  });

  it("says in the job when the stored log is not the host's", async () => {
    const id = await newJob();
    const job = await recorder.record(id, [
      bytes(0, Buffer.from("abc")),
      ended(1n, Buffer.from("abc"), "0".repeat(64)),
    ]);
    expect(job?.logFault).toContain("its SHA-256 differs");
    expect(job?.status).toBe("succeeded");
    expect(recorder.logFaults).toBe(1);
  });

  it("takes a log that a host has lost the end of, as it went down, for whole when what both have is the same", async () => {
    const id = await newJob();
    await recorder.record(id, [bytes(0, Buffer.from("abcdef"))]);
    const job = await recorder.record(id, [lostAt(1n, Buffer.from("abcd"))]);
    expect(job).toMatchObject({ status: "lost", logFault: null, logBytes: 6 });
    const other = await newJob();
    await recorder.record(other, [bytes(0, Buffer.from("abcdef"))]);
    recorder = newRecorder();
    expect((await recorder.record(other, [lostAt(1n, Buffer.from("abXd"))]))?.logFault).toContain("SHA-256 differs");
  });

  it("calls a job failed for our own reason when its host ended it because we asked", async () => {
    const id = await newJob();
    const cancelled = ended(1n, Buffer.alloc(0), undefined, Outcome.CANCELLED);
    const job = await recorder.record(id, [cancelled], { code: "staging_failed", message: "it changed" });
    expect(job).toMatchObject({ status: "failed", code: "staging_failed", message: "it changed" });
  });

  it("numbers jobs in the order in which they are made", async () => {
    for (const _ of [1, 2, 3]) await newJob();
    const made = await database.manager.find(JobEntity, { order: { number: "ASC" } });
    expect(made.map(({ number }) => number)).toEqual([1, 2, 3]);
  });

  it("records the VM and frees the name's claim in the transaction that ends the job", async () => {
    const id = await newJob();
    const job = await recorder.record(id, [ended(1n, Buffer.alloc(0))]);
    expect(job?.vmClaim).toBeNull();
    expect(await database.manager.findOneByOrFail(VmEntity, { jobId: id })).toMatchObject({
      id: job?.vmUuid,
      memoryMib: 64,
    });
  });

  it("leaves a final job as it is", async () => {
    const id = await newJob();
    await recorder.record(id, [ended(1n, Buffer.alloc(0))]);
    const before = await database.manager.findOneByOrFail(JobEntity, { id });
    await recorder.act(id, { act: "cancel" }, { code: "cancelled", message: "late" });
    await recorder.record(id, [bytes(0, Buffer.from("late"))]);
    expect(await database.manager.findOneByOrFail(JobEntity, { id })).toEqual(before);
  });
});
