// Drift: what differs between our records and what hosts report, each host by itself and with the age of what it said. Nothing is changed by
// looking, here or there: whether a difference is a fault, only a person knows.
import { type Grant, sees } from "@convirt/contract/access";
import type { DriftPage, DriftView, driftQuery } from "@convirt/contract/drift";
import { Injectable } from "@nestjs/common";
import { DataSource, In } from "typeorm";
import type { z } from "zod";
import { AgentsService } from "../agents/agents.service.js";
import { JobsService } from "../agents/jobs.service.js";
import { VmsService } from "../agents/vms.service.js";
import { RestoreService } from "../backups/restore.service.js";
import { pageOf, sortBy } from "../database/paging.js";
import { VmEntity } from "../domains/vm.entity.js";
import { HostEntity } from "../hosts/host.entity.js";
import { InventoryService, type Report } from "../inventory/inventory.service.js";
import { JobEntity } from "../provisioning/job.entity.js";

/** A host that takes longer is named as not compared: the list waits for nobody. */
const askLimitMs = 3_000;

type Compared = { items: DriftView[]; notCompared: { host: string; reason: string }[] };
type Vm = Pick<VmEntity, "id" | "name" | "vmConfigPath">;

@Injectable()
export class DriftService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly agents: AgentsService,
    private readonly inventory: InventoryService,
    private readonly jobs: JobsService,
    private readonly vms: VmsService,
    private readonly restores: RestoreService,
  ) {}

  /** Of the hosts that the reader sees. */
  async list(query: z.output<typeof driftQuery>, reader: { grants: readonly Grant[] }): Promise<DriftPage> {
    const where = query.host === undefined ? {} : { name: query.host };
    const hosts = await this.dataSource.manager.find(HostEntity, { select: { id: true, name: true }, where });
    const seen = hosts.filter(({ name }) => sees(reader, "host", name));
    const records = await this.recordsOf(seen.map(({ id }) => id));
    const compared = await Promise.all(seen.map((host) => this.compare(host, records.get(host.id) ?? [])));
    const items = compared
      .flatMap((host) => host.items)
      .filter((item) => query.kind === undefined || item.kind === query.kind);
    const sorted = sortBy(items, query.sort ?? "host", ["kind", "host", "name", "id", "seenAt", "ageS"]);
    return {
      ...pageOf(sorted, query),
      notCompared: compared.flatMap((host) => host.notCompared),
      restored: await this.restores.last(),
    };
  }

  /** By host; read at once, and without what would be made of whole rows. */
  private async recordsOf(hostIds: readonly string[]): Promise<ReadonlyMap<string, Vm[]>> {
    const rows = await this.dataSource.manager
      .createQueryBuilder(VmEntity, "vm")
      .select("vm.id", "id")
      .addSelect("vm.name", "name")
      .addSelect("vm.vmConfigPath", "vmConfigPath")
      .addSelect("vm.hostId", "hostId")
      .where({ hostId: In([...hostIds]) })
      .getRawMany<Vm & { hostId: string }>();
    const byHost = new Map<string, Vm[]>(hostIds.map((id) => [id, []]));
    for (const { hostId, ...vm } of rows) byHost.get(hostId)?.push(vm);
    return byHost;
  }

  /** A host that does not answer soon is named, and holds up nobody's comparison but its own. */
  private async compare(host: Pick<HostEntity, "id" | "name">, records: readonly Vm[]): Promise<Compared> {
    const report = this.inventory.domainsOf(host.id);
    if (report === undefined) return { items: [], notCompared: [{ host: host.name, reason: "it never reported" }] };
    const saw = this.inventory.sawAt(host.id);
    if (saw === undefined)
      return {
        items: [],
        notCompared: [{ host: host.name, reason: `its Xen does not answer: ${report.toolstackError}` }],
      };
    const seen = { host: host.name, seenAt: saw.at.toISOString(), ageS: this.inventory.sawAgeS(host.id) ?? 0 };
    const items = unrecorded(report, records).map((each) => ({ ...each, ...seen }));
    if (!this.agents.inContact(host.id)) {
      const reason = `silent since ${this.agents.contactOf(host.id).since ?? "its enrolment"}`;
      return { items, notCompared: [{ host: host.name, reason }] };
    }
    const asked = await Promise.allSettled([this.missing(host.id, report, records), this.unknownJobs(host.id)]);
    const reasons = asked.flatMap((each) => (each.status === "rejected" ? [messageOf(each.reason)] : []));
    const notCompared = [...new Set(reasons)].map((reason) => ({ host: host.name, reason }));
    const more = asked.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
    return { items: [...items, ...more.map((each) => ({ ...each, ...seen }))], notCompared };
  }

  /** A VM that runs is there. Of one that does not, its configuration is looked for. */
  private async missing(hostId: string, report: Report, records: readonly Vm[]): Promise<Drifted[]> {
    const running = new Set(report.domains.flatMap(({ uuid, name }) => [uuid, name]));
    const stopped = records.filter((vm) => !running.has(vm.id) && !running.has(vm.name));
    if (stopped.length === 0) return [];
    const there = await this.vms.configured(hostId, stopped, askLimitMs);
    return stopped
      .filter((vm) => !there.has(vm.id))
      .map((vm) => ({
        kind: "record_without_vm",
        name: vm.name,
        id: vm.id,
        detail: `neither a domain nor ${vm.vmConfigPath} is on the host`,
      }));
  }

  private async unknownJobs(hostId: string): Promise<Drifted[]> {
    const theirs = await this.jobs.list(hostId, askLimitMs);
    const ids = theirs.map((job) => job.jobId);
    const ours = await this.dataSource.manager.find(JobEntity, { select: { id: true }, where: { id: In(ids) } });
    const known = new Set(ours.map((job) => job.id));
    return theirs
      .filter((job) => !known.has(job.jobId))
      .map((job) => ({
        kind: "job_without_record",
        name: job.vmName,
        id: job.jobId,
        detail: job.ended ? `it has ended: ${job.outcome}` : "it is under way",
      }));
  }
}

type Drifted = Pick<DriftView, "kind" | "name" | "id" | "detail">;

/** Domains of which no record is; dom0 is the host itself. */
function unrecorded(report: Report, records: readonly Vm[]): Drifted[] {
  const known = new Set(records.flatMap(({ id, name }) => [id, name]));
  return report.domains
    .filter(({ id, uuid, name }) => id !== 0 && !known.has(uuid) && !(uuid === "" && known.has(name)))
    .map(({ id, uuid, name, state }) => ({
      kind: "domain_without_record",
      name,
      id: uuid,
      detail: `domain ${id}, ${state.replace("_", " ")}`,
    }));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
