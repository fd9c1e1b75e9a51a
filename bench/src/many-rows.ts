// A controller's database as it is after years: filled by the controller's own entities while it is stopped, with rows like one that a host really made.
import "reflect-metadata";
import { createHash, randomUUID } from "node:crypto";
import { VmEntity } from "@convirt/controller/domains/vm.entity";
import { HostEntity } from "@convirt/controller/hosts/host.entity";
import { JobEntity, JobEventEntity } from "@convirt/controller/provisioning/job.entity";
import { DataSource, type EntityManager, type ObjectLiteral } from "typeorm";

export interface Amounts {
  hosts: number;
  vms: number;
  jobs: number;
  logBytes: number;
}

const rowsAtOnce = 200;
const chunkBytes = 64 * 1024;
const hourMs = 3_600_000;
const words = ["web", "mail", "build", "shop", "cache", "queue", "index", "proxy"];

/** Needs a VM and its job, both made by a host. Returns the id of the job whose log is long. */
export async function fill(database: string, amounts: Amounts): Promise<string> {
  const entities = [HostEntity, VmEntity, JobEntity, JobEventEntity];
  const source = new DataSource({ type: "better-sqlite3", database, entities, synchronize: false });
  await source.initialize();
  try {
    return await source.transaction(async (tx) => {
      const vm = await tx.findOneByOrFail(VmEntity, {});
      const job = await tx.findOneByOrFail(JobEntity, { id: vm.jobId });
      const hosts = await addHosts(tx, amounts, vm);
      await addJobs(tx, amounts, job, hosts);
      return await addLongLog(tx, amounts, job);
    });
  } finally {
    await source.destroy();
  }
}

/** Hosts that were heard a while ago, with what they said then, and their VMs. */
async function addHosts(tx: EntityManager, amounts: Amounts, like: VmEntity): Promise<HostEntity[]> {
  const seed = await tx.findOneByOrFail(HostEntity, { id: like.hostId });
  const hosts: HostEntity[] = [];
  const each = Math.ceil(amounts.vms / amounts.hosts);
  for (let at = 0; at < amounts.hosts; at += 1) {
    const host = { ...seed, id: randomUUID(), name: `rack-${at + 1}`, address: "127.0.0.1:9", fingerprint: "0" };
    const vms = Array.from({ length: Math.min(each, amounts.vms - at * each) }, (_, index) =>
      vmOf(like, host, at * each + index),
    );
    host.inventory = inventoryOf(seed, vms);
    await insert(tx, HostEntity, [host]);
    await insert(tx, VmEntity, vms);
    hosts.push(host);
  }
  return hosts;
}

function vmOf(like: VmEntity, host: HostEntity, number: number): VmEntity {
  return {
    ...like,
    ...{ id: randomUUID(), name: nameOf(number), hostId: host.id, host: host.name },
    memoryMib: 512 * (1 + (number % 16)),
    createdAt: new Date(Date.now() - number * hourMs).toISOString(),
  };
}

function nameOf(number: number): string {
  return `${words[number % words.length]}-${String(number).padStart(6, "0")}`;
}

/** Every fifth VM does not run. */
function inventoryOf(seed: HostEntity, vms: readonly VmEntity[]): string {
  const domains = vms
    .filter((_, index) => index % 5 !== 0)
    .map(({ id, name, memoryMib, vcpus }, index) => ({
      ...{ id: index + 1, name, uuid: id, state: "running", memoryMib, vcpus, cpuSeconds: 1 },
    }));
  return JSON.stringify({
    ...(JSON.parse(seed.inventory ?? "{}") as object),
    seenAt: new Date().toISOString(),
    domains,
  });
}

async function addJobs(tx: EntityManager, amounts: Amounts, like: JobEntity, hosts: HostEntity[]): Promise<void> {
  const [{ most = 0 } = {}] = await tx.query<{ most: number }[]>("SELECT MAX(number) AS most FROM jobs");
  for (let from = 0; from < amounts.jobs; from += 10_000) {
    const jobs = Array.from({ length: Math.min(10_000, amounts.jobs - from) }, (_, index) => {
      const number = from + index;
      const host = hosts[number % hosts.length];
      const asked = Date.now() - (amounts.jobs - number) * 60_000;
      const failed = number % 33 === 0 ? { status: "failed" as const, phase: "script" as const, exitCode: 7 } : {};
      return {
        ...like,
        ...{ id: randomUUID(), number: most + 1 + number, vm: nameOf(number), vmUuid: randomUUID() },
        ...{ hostId: host?.id ?? "", host: host?.name ?? "", lastSequence: 0, logBytes: 0 },
        createdAt: new Date(asked).toISOString(),
        startedAt: new Date(asked + 200).toISOString(),
        endedAt: new Date(asked + 95_000).toISOString(),
        ...failed,
      };
    });
    await insert(tx, JobEntity, jobs);
  }
}

/** A job whose script printed `logBytes`, in lines of some 80 bytes, some of them coloured. */
async function addLongLog(tx: EntityManager, { logBytes }: Amounts, like: JobEntity): Promise<string> {
  const id = randomUUID();
  const line = (number: number) =>
    `${String(number).padStart(8)} \u001b[3${number % 7}mGet:${number}\u001b[0m http://deb.example/debian pool/main/p/package-${number}.deb\n`;
  const lines: string[] = [];
  for (let [number, length] = [0, 0]; length < logBytes; number += 1) {
    const one = line(number);
    lines.push(one);
    length += one.length;
  }
  const log = Buffer.from(lines.join("")).subarray(0, logBytes);
  const [{ most = 0 } = {}] = await tx.query<{ most: number }[]>("SELECT MAX(number) AS most FROM jobs");
  const at = new Date().toISOString();
  const chunks = Array.from({ length: Math.ceil(log.length / chunkBytes) }, (_, index) => ({
    ...{ jobId: id, sequence: index + 1, kind: "log", at, body: null, logOffset: index * chunkBytes },
    bytes: log.subarray(index * chunkBytes, (index + 1) * chunkBytes),
  }));
  const logSha256 = createHash("sha256").update(log).digest("hex");
  await insert(tx, JobEntity, [
    {
      ...like,
      ...{ id, number: most + 1, vm: "talkative", vmUuid: randomUUID(), createdAt: at },
      ...{ logBytes: log.length, logSha256, lastSequence: chunks.length },
    },
  ]);
  await insert(tx, JobEventEntity, chunks);
  return id;
}

async function insert<Row extends ObjectLiteral>(
  tx: EntityManager,
  entity: new () => Row,
  rows: readonly Row[],
): Promise<void> {
  for (let from = 0; from < rows.length; from += rowsAtOnce)
    await tx
      .createQueryBuilder()
      .insert()
      .into(entity)
      .values(rows.slice(from, from + rowsAtOnce) as never)
      .execute();
}
