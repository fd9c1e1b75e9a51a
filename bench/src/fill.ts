// A database as years of use leave it: hosts with what they last reported, VMs, ended jobs, their audit. Written by the controller's own services, in this process, in
// transactions of a thousand; none of it was provisioned, and none of the hosts answers.
import { createHash, randomUUID } from "node:crypto";
import { startController } from "@convirt/controller/app";
import { AuditService } from "@convirt/controller/audit/audit.service";
import { UsersService } from "@convirt/controller/auth/users.service";
import { loadConfig } from "@convirt/controller/config/config";
import { inTransaction } from "@convirt/controller/database/write-queue";
import { VmRecords } from "@convirt/controller/domains/vm-records.service";
import { HostEntity } from "@convirt/controller/hosts/host.entity";
import { InventoryService, type ReportedDomain } from "@convirt/controller/inventory/inventory.service";
import type { JobEntity } from "@convirt/controller/provisioning/job.entity";
import { JobRecorder } from "@convirt/controller/provisioning/job-recorder";
import { Ended, Outcome } from "@convirt/proto/provision";
import { DataSource } from "typeorm";

export interface Size {
  hosts: number;
  vms: number;
  jobs: number;
  users: number;
}

/** A job whose script printed so many bytes, in lines of some 80, all of them coloured. */
export interface LongLog {
  jobId: string;
  bytes: number;
}

const together = 1_000;
const batchBytes = 1024 * 1024;
const images = 25;
const people = ["ada", "grace", "edsger", "barbara", "alan"];
/** Of a thousand jobs; the rest succeeded. */
const bad = { failed: 100, cancelled: 30, lost: 5 } as const;
const firstMs = Date.UTC(2024, 0, 1);

/** `environment`: of the controller whose database it is, which must not run. `longLog` is made then, if it is given. */
export async function fill(
  environment: Readonly<Record<string, string>>,
  size: Size,
  longLog?: LongLog,
): Promise<void> {
  const controller = await startController(loadConfig({ ...environment, CONVIRT_LOG_LEVEL: "error" }));
  try {
    const { app } = controller;
    const dataSource = app.get(DataSource);
    const hosts = Array.from({ length: size.hosts }, (_, index) => hostOf(index));
    await inTransaction(dataSource, (tx) => tx.insert(HostEntity, hosts));
    for (let index = 0; index < size.users; index += 1)
      await app.get(UsersService).add({ username: `user-${index}`, password: randomUUID(), role: "viewer" }, "admin");
    const domains = new Map<string, ReportedDomain[]>(hosts.map(({ id }) => [id, []]));
    const [recorder, records, audit] = [app.get(JobRecorder), app.get(VmRecords), app.get(AuditService)];
    let vms = 0;
    for (let from = 0; from < size.jobs; from += together)
      await inTransaction(dataSource, async (tx) => {
        for (let index = from; index < Math.min(size.jobs, from + together); index += 1) {
          const host = hosts[index % hosts.length] ?? hostOf(0);
          const job = jobOf(index, host);
          await recorder.create(tx, job);
          await audit.addIn(tx, recordOf(job));
          if (job.status !== "succeeded" || vms >= size.vms) continue;
          await records.record(tx, job);
          vms += 1;
          if (vms % 10 !== 0) domains.get(host.id)?.push(domainOf(job, vms));
        }
      });
    if (vms < size.vms) throw new Error(`${size.jobs} jobs made ${vms} VMs, not ${size.vms}`);
    if (longLog !== undefined) await printed(recorder, dataSource, longLog, hosts[0] ?? hostOf(0));
    const now = new Date();
    for (const [id, own] of domains)
      await app.get(InventoryService).take(id, { ...reportBase, takenAt: now, ageMs: 0, seenAt: now, domains: own });
  } finally {
    await controller.stop();
  }
}

async function printed(
  recorder: JobRecorder,
  dataSource: DataSource,
  { jobId, bytes }: LongLog,
  host: HostEntity,
): Promise<void> {
  const job = { ...jobOf(0, host), id: jobId, vm: "talkative", createdAt: new Date().toISOString() };
  Object.assign(job, { status: "running", phase: "script", endedAt: null, exitCode: null, code: null });
  await inTransaction(dataSource, (tx) => recorder.create(tx, job));
  const lines: string[] = [];
  for (let number = 0, length = 0; length < bytes; number += 1) {
    const line = `${String(number).padStart(8)} \u001b[3${number % 7}mGet:${number}\u001b[0m http://deb.example/debian pool/main/p/package-${number}.deb\n`;
    lines.push(line);
    length += line.length;
  }
  const log = Buffer.from(lines.join("")).subarray(0, bytes);
  const at = new Date().toISOString();
  for (let offset = 0; offset < log.length; offset += batchBytes) {
    const data = log.subarray(offset, offset + batchBytes);
    await recorder.record(jobId, [
      { sequence: 0n, at, event: { $case: "log", value: { offset: BigInt(offset), data } } },
    ]);
  }
  const logSha256 = createHash("sha256").update(log).digest("hex");
  const value = Ended.fromPartial({ outcome: Outcome.FAILED, exitCode: 1, logBytes: BigInt(log.length), logSha256 });
  await recorder.record(jobId, [{ sequence: 1n, at, event: { $case: "ended", value } }]);
}

const reportBase = {
  ...{ freeMemoryMib: 8_192, storeFreeBytes: 2 ** 40, runningJobs: 0, toolstackError: "", bootId: randomUUID() },
};

function hostOf(index: number): HostEntity {
  const at = new Date(firstMs).toISOString();
  return {
    ...{ id: randomUUID(), name: `xen${String(index + 1).padStart(2, "0")}`, address: "127.0.0.1:1", draining: false },
    ...{ fingerprint: "0".repeat(64), enrolledAt: at, certificateNotAfter: "2099-01-01T00:00:00.000Z" },
    ...{ lastContactAt: at, facts: null, factsAt: null, inventory: null },
  };
}

function jobOf(index: number, host: HostEntity): JobEntity {
  const [image, vm] = [`Image_${index % images}`, `vm-${String(index).padStart(6, "0")}`];
  const [requestedBy = ""] = [people[index % people.length]];
  const at = (seconds: number) => new Date(firstMs + (index * 600 + seconds) * 1000).toISOString();
  const turn = index % 1000;
  const status = turn < bad.failed ? "failed" : turn < 130 ? "cancelled" : turn < 135 ? "lost" : "succeeded";
  const conf = Object.fromEntries(Array.from({ length: 25 }, (_, n) => [`option_${n}`, `a value of option ${n}`]));
  const request = { image, host: host.name, vm, imageConf: {}, vmConf: {}, start: true, replaceDisks: false };
  const text = Object.entries(conf)
    .map(([name, value]) => `${name} = '${value}'\n`)
    .join("");
  const disk = { target: `/vm_disks/${vm}.img`, device: "xvda", format: "raw", bytes: 2 ** 34, writable: true };
  return {
    ...{ id: randomUUID(), number: 0, restored: false, status, phase: "start", image, imageVersion: "0".repeat(64) },
    ...{ hostId: host.id, host: host.name, vm, vmClaim: null, vmUuid: randomUUID(), start: true, requestedBy },
    ...{ requestedById: requestedBy, idempotencyKey: null, sealed: null, secretNames: null, retryOf: null },
    ...{
      request: { ...request, cleanOnFailure: false },
      spec: { trees: [], imageConf: text, vmConf: text, timeoutMs: 0 },
    },
    ...{ options: { imageConf: conf, vmConf: { memory: 256 * (1 + (index % 8)), vcpus: 1 + (index % 4) } } },
    ...{ reason: null, createdAt: at(0), startedAt: at(1), endedAt: at(60 + (index % 90)), exitCode: 0 },
    ...{ code: status === "succeeded" ? null : "script_failed", message: null, logBytes: 0, logSha256: null },
    ...{ logFault: null, logCut: false, lastSequence: 0, agentSequence: 0, staging: null, phases: [], proofs: [] },
    ...{ leftovers: [], cleaned: [], disks: [disk], vmConfigPath: `/etc/xen/${vm}`, vmConfig: text },
  };
}

function domainOf(job: JobEntity, id: number): ReportedDomain {
  const state = id % 50 === 1 ? "paused" : "running";
  return { id, name: job.vm, uuid: job.vmUuid, state, memoryMib: 256, vcpus: 1, cpuSeconds: id };
}

function recordOf(job: JobEntity): Parameters<AuditService["add"]>[0] {
  return {
    ...{ username: job.requestedBy, via: "token", token: null, address: "192.0.2.1", action: "provision" },
    ...{ objects: [`job ${job.id}`, `vm ${job.vm}`, `host ${job.host}`, `image ${job.image}`], reason: null },
    ...{ asked: JSON.stringify(job.request), outcome: job.status === "succeeded" ? "done" : "failed" },
    ...{ code: job.code, message: null, commands: ["/usr/bin/xl create /etc/xen/vm"] },
  };
}
