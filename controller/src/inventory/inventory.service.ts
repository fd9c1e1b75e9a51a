// What hosts last reported: kept in memory for every list, and in the database so that it survives a restart, with its age. Ages of what was
// reported to this process are counted by a clock that nobody sets.
import { Injectable, type OnModuleInit } from "@nestjs/common";
import { DataSource } from "typeorm";
import { inUnsyncedTransaction } from "../database/write-queue.js";
import { HostEntity } from "../hosts/host.entity.js";

export interface ReportedDomain {
  id: number;
  name: string;
  uuid: string;
  state: "running" | "paused" | "shutting_down" | "crashed" | "dying" | "zombie";
  memoryMib: number;
  vcpus: number;
  cpuSeconds: number;
}

export interface Report {
  /** By the host's clock. */
  takenAt: Date;
  /** When it came, by ours. */
  seenAt: Date;
  /** How old it was then, as to domains and memory; null when the toolstack has told none since the host's agent began. */
  ageMs: number | null;
  freeMemoryMib: number;
  storeFreeBytes: number;
  runningJobs: number;
  toolstackError: string;
  bootId: string;
  domains: ReportedDomain[];
}

/** A report in which nothing but the time has changed is written this often. */
const writeEveryMs = 60_000;

@Injectable()
export class InventoryService implements OnModuleInit {
  private readonly reports = new Map<string, Report>();
  /** A report's domains, made when they are first looked for: a list asks for thousands. */
  private readonly byKey = new WeakMap<Report, ReadonlyMap<string, ReportedDomain>>();
  /** By `performance.now()`; of hosts that have reported since the start. */
  private readonly heardMs = new Map<string, number>();
  private readonly written = new Map<string, { atMs: number; text: string }>();

  constructor(private readonly dataSource: DataSource) {}

  async onModuleInit(): Promise<void> {
    for (const host of await this.dataSource.manager.find(HostEntity, { select: { id: true, inventory: true } })) {
      if (host.inventory === null) continue;
      const stored = JSON.parse(host.inventory) as Omit<Report, "takenAt" | "seenAt" | "ageMs"> & {
        takenAt: string;
        seenAt: string;
        /** Absent from what an earlier release stored. */
        ageMs?: number | null;
      };
      const times = { takenAt: new Date(stored.takenAt), seenAt: new Date(stored.seenAt) };
      this.reports.set(host.id, { ageMs: 0, ...stored, ...times });
    }
  }

  /** The last report of a host; undefined when it has never reported. */
  domainsOf(hostId: string): Report | undefined {
    return this.reports.get(hostId);
  }

  /** The domain of a VM in a host's last report: by uuid; where the toolstack tells none, by name. */
  domainOf(hostId: string, { id, name }: { id: string; name: string }): ReportedDomain | undefined {
    const report = this.reports.get(hostId);
    if (report === undefined) return undefined;
    let domains = this.byKey.get(report);
    if (domains === undefined) {
      domains = new Map(
        report.domains.map((domain) => [domain.uuid === "" ? `name ${domain.name}` : domain.uuid, domain]),
      );
      this.byKey.set(report, domains);
    }
    return domains.get(id) ?? domains.get(`name ${name}`);
  }

  /** Whole seconds since the last report; of one that an earlier process took, by the clock. Null when there is none. */
  ageS(hostId: string): number | null {
    const heard = this.heardMs.get(hostId);
    if (heard !== undefined) return Math.round((performance.now() - heard) / 1000);
    const report = this.reports.get(hostId);
    return report === undefined ? null : Math.max(0, Math.round((Date.now() - report.seenAt.getTime()) / 1000));
  }

  /** Milliseconds by `performance.now()` of the last report to this process; undefined when there was none. */
  heardAtMs(hostId: string): number | undefined {
    return this.heardMs.get(hostId);
  }

  /**
   * When the host saw the domains of its last report: by the clock, and by `performance.now()` if the report came to this process. A toolstack that hangs leaves this
   * where it was, while the host is heard of as ever. Undefined when it has never told any.
   */
  sawAt(hostId: string): { at: Date; tickMs: number | undefined } | undefined {
    const report = this.reports.get(hostId);
    if (report === undefined || report.ageMs === null) return undefined;
    const heard = this.heardMs.get(hostId);
    return {
      at: new Date(report.seenAt.getTime() - report.ageMs),
      tickMs: heard === undefined ? undefined : heard - report.ageMs,
    };
  }

  /** Whole seconds since then; null when it has never told any. */
  sawAgeS(hostId: string): number | null {
    const saw = this.sawAt(hostId);
    if (saw === undefined) return null;
    const ageMs = saw.tickMs === undefined ? Date.now() - saw.at.getTime() : performance.now() - saw.tickMs;
    return Math.max(0, Math.round(ageMs / 1000));
  }

  /** True when the domains are others than they were, or what is wrong with the toolstack is. */
  async take(hostId: string, came: Report): Promise<boolean> {
    const nowMs = performance.now();
    const report = this.withDomains(hostId, came, nowMs);
    this.reports.set(hostId, report);
    this.heardMs.set(hostId, nowMs);
    const domains = report.domains.map(({ cpuSeconds: _, ...domain }) => domain);
    const text = JSON.stringify([report.toolstackError, domains]);
    const before = this.written.get(hostId);
    const changed = before?.text !== text;
    if (!changed && nowMs - before.atMs < writeEveryMs) return false;
    await inUnsyncedTransaction(this.dataSource, (tx) =>
      tx.update(
        HostEntity,
        { id: hostId },
        { inventory: JSON.stringify(report), lastContactAt: report.seenAt.toISOString() },
      ),
    );
    this.written.set(hostId, { atMs: nowMs, text });
    return changed;
  }

  /** An agent that began anew beside a toolstack that hangs knows of no domains; what it told before is older, and better, unless the host has booted since. */
  private withDomains(hostId: string, came: Report, nowMs: number): Report {
    const before = this.reports.get(hostId);
    if (came.ageMs !== null || before === undefined || before.ageMs === null || before.bootId !== came.bootId)
      return came;
    const heard = this.heardMs.get(hostId);
    const sinceMs = heard === undefined ? came.seenAt.getTime() - before.seenAt.getTime() : nowMs - heard;
    const { domains, freeMemoryMib, takenAt } = before;
    return { ...came, domains, freeMemoryMib, takenAt, ageMs: before.ageMs + Math.max(0, Math.round(sinceMs)) };
  }

  /** The host says that this VM's domain is gone; its next report says so too, but a name is not to be taken until then. */
  domainIsGone(hostId: string, vm: { id: string; name: string }): void {
    const report = this.reports.get(hostId);
    const gone = this.domainOf(hostId, vm);
    if (report === undefined || gone === undefined) return;
    this.reports.set(hostId, { ...report, domains: report.domains.filter((domain) => domain !== gone) });
  }

  forget(hostId: string): void {
    this.reports.delete(hostId);
    this.heardMs.delete(hostId);
    this.written.delete(hostId);
  }
}
