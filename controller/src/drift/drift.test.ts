import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Ended,
  type FollowRequest,
  type JobEvent,
  type JobSummary,
  Outcome,
  Phase,
} from "@convirt/proto/provision";
import { Metadata, type ServerWritableStream, status } from "@grpc/grpc-js";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AgentsService } from "../agents/agents.service.js";
import { VmEntity } from "../domains/vm.entity.js";
import { TestController } from "../testing.js";
import { enrolHost, inContact, jobIs, makeImage, type TestHost } from "../testing-jobs.js";

let folder: string;
let controller: TestController;
let token: string;
let agent: TestHost | undefined;

/** The host's journal: jobs that were started and not forgotten. */
const journal = new Map<string, { vmName: string; vmUuid: string }>();
const forgotten = new Set<string>();
let started: string[] = [];
/** How often the controller has asked for the journal. */
let compared = 0;

beforeEach(async () => {
  journal.clear();
  forgotten.clear();
  started = [];
  folder = mkdtempSync(join(tmpdir(), "convirt-drift-"));
  await start();
  await makeImage(controller, token);
});
afterEach(async () => {
  await controller.stop();
  agent?.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<void> {
  controller = await TestController.start({ folder, database: join(folder, "convirt.db") });
  token = await controller.tokenFor("admin");
}

/** A host that keeps a journal as the agent does. */
async function enrol(): Promise<TestHost> {
  agent = await enrolHost(controller, token, "xen1", {
    provision: {
      start: ({ request }, done) => {
        const { spec } = request;
        if (spec !== undefined) {
          started.push(spec.jobId);
          journal.set(spec.jobId, { vmName: spec.vmName, vmUuid: spec.vmUuid });
        }
        done(null, { known: false });
      },
      follow: (call) => {
        if (journal.has(call.request.jobId)) finish(call);
        else call.emit("error", { code: status.NOT_FOUND, details: "no such job", metadata: refusal("not_found") });
      },
      listJobs: (_call, done) => {
        compared += 1;
        done(null, { jobs: [...journal].map(([jobId, job]) => summary(jobId, job)) });
      },
      forget: ({ request }, done) => {
        journal.delete(request.jobId);
        forgotten.add(request.jobId);
        done(null, {});
      },
    },
  });
  return agent;
}

const provision = async (vm: string) =>
  (await controller.call("POST", "/jobs", { token, body: { image: "Tiny", host: "xen1", vm } })).body.id as string;
const succeeded = (id: string) => jobIs(controller, token, id, (job) => job.status === "succeeded");
const drift = async (query = "") => (await controller.call("GET", `/drift${query}`, { token })).body;

test("a copy that is put back runs nothing again, takes over what hosts know, shows what differs and deletes nothing", async () => {
  const host = await enrol();
  await succeeded(await provision("before"));
  const { body: copy } = await controller.call("POST", "/backups", { token });
  const since = await provision("since");
  await succeeded(since);
  expect([...journal.keys()]).toContain(since);
  await controller.stop();
  for (const suffix of ["", "-wal", "-shm"]) rmSync(join(folder, `convirt.db${suffix}`), { force: true });
  await copyFile(join(folder, "data", "backups", copy.name), join(folder, "convirt.db"));

  const before = [...started];
  await start();
  await inContact(controller, host);
  const taken = await succeeded(since);
  expect(taken).toMatchObject({ requestedBy: "(taken over)", vm: "since", host: "xen1", logFault: null });
  expect((await controller.call("GET", `/jobs/${since}/log`, { token })).body).toBe("one line\n");
  expect(await controller.get(DataSource).manager.findOneByOrFail(VmEntity, { jobId: since })).toMatchObject({
    name: "since",
    id: journal.get(since)?.vmUuid ?? "",
  });
  expect(started).toEqual(before);
  const shown = await drift();
  expect(shown.restored).toMatchObject({ copyTakenAt: copy.takenAt });
  expect(shown.items).toMatchObject([{ kind: "domain_without_record", host: "xen1", name: "web", id: "u-1" }]);
  expect(shown.notCompared).toEqual([]);
});

test("a job that had not ended when the copy was taken is never sent again: what its host does not know is lost", async () => {
  const host = await enrol();
  const database = controller.get(DataSource);
  const id = await provision("once");
  await succeeded(id);
  expect(started).toEqual([id]);
  // As the copy has it: queued, and never sent.
  await database.query("UPDATE jobs SET status = 'queued', agent_sequence = 0, log_bytes = 0, ended_at = NULL");
  await database.query("DELETE FROM job_events WHERE sequence > 1");
  await database.query("UPDATE jobs SET last_sequence = 1");
  await database.query("INSERT INTO restores (copy_taken_at, restored_at) VALUES ('2026-01-01T00:00:00.000Z', NULL)");
  journal.clear();
  await controller.stop();
  await start();
  await inContact(controller, host);
  const job = await jobIs(controller, token, id, (found) => found.status === "lost");
  expect(job.message).toMatch(/restored from a copy/);
  expect(started).toEqual([id]);
});

test("a host keeps a job's outcome until a copy of the database has it", async () => {
  await enrol();
  const id = await provision("kept");
  await succeeded(id);
  const before = compared;
  agent?.hangUp();
  await vi.waitFor(() => expect(compared).toBeGreaterThan(before), 20_000);
  expect(journal.has(id)).toBe(true);
  await controller.call("POST", "/backups", { token });
  await vi.waitFor(() => expect(forgotten.has(id)).toBe(true), 15_000);
});

test("drift names records whose VM is gone, jobs that cannot be taken over, and hosts that are not compared", async () => {
  const host = await enrol();
  await succeeded(await provision("gone"));
  journal.set("4b7d1b1e-0000-4000-8000-00000000abcd", { vmName: "old", vmUuid: "" });
  host.configured = [];
  expect((await drift("?kind=record_without_vm")).items).toMatchObject([{ name: "gone", host: "xen1" }]);
  expect((await drift("?kind=job_without_record")).items).toMatchObject([{ name: "old", detail: expect.any(String) }]);
  expect((await drift("?host=nowhere")).total).toBe(0);
  host.features = host.features.filter((feature) => feature !== "domain.look");
  // It is called again within a second, at any moment: here at the end of it.
  const late = vi.spyOn(Math, "random").mockReturnValue(0.99);
  host.hangUp();
  await vi.waitFor(() => expect(controller.get(AgentsService).inContact(host.hostId)).toBe(false), 15_000);
  expect((await drift()).notCompared).toEqual([{ host: "xen1", reason: expect.stringMatching(/^silent since/) }]);
  late.mockRestore();
  await inContact(controller, host);
  expect((await drift()).notCompared).toEqual([{ host: "xen1", reason: expect.stringMatching(/older release/) }]);
});

const at = "2026-01-01T00:00:00.000Z";

function summary(jobId: string, { vmName, vmUuid }: { vmName: string; vmUuid: string }): JobSummary {
  return {
    ...{ jobId, vmName, vmUuid, image: "Tiny", ended: true, lastSequence: 1n, logBytes: 9n },
    outcome: Outcome.SUCCEEDED,
  };
}

function refusal(code: string): Metadata {
  const metadata = new Metadata();
  metadata.set("convirt-code", code);
  return metadata;
}

const log = Buffer.from("one line\n");

function finish(call: ServerWritableStream<FollowRequest, JobEvent>): void {
  const ended: Ended = {
    ...{ outcome: Outcome.SUCCEEDED, code: "", phase: Phase.SCRIPT, message: "", exitCode: 0, domainId: 1 },
    ...{ logBytes: BigInt(log.length), logSha256: createHash("sha256").update(log).digest("hex") },
    ...{ proofs: [], leftovers: [], disks: [], cleaned: [], commands: [], logCut: false },
    ...{ vmConfigPath: "/c/x", vmConfig: "name = 'x'\n", vmConf: "" },
  };
  call.write({ sequence: 0n, at, event: { $case: "log", value: { offset: 0n, data: log } } });
  call.write({ sequence: 1n, at, event: { $case: "ended", value: ended } });
  call.end();
}
