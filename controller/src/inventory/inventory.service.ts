// What hosts last reported: kept in memory for every list, and in the database so that it survives a restart, with its age.
import { Injectable, type OnModuleInit } from "@nestjs/common";
import { DataSource } from "typeorm";
import { inTransaction } from "../database/write-queue.js";
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
  /** By ours. */
  seenAt: Date;
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
  private readonly written = new Map<string, { atMs: number; text: string }>();

  constructor(private readonly dataSource: DataSource) {}

  async onModuleInit(): Promise<void> {
    for (const host of await this.dataSource.manager.find(HostEntity, { select: { id: true, inventory: true } })) {
      if (host.inventory === null) continue;
      const stored = JSON.parse(host.inventory) as Omit<Report, "takenAt" | "seenAt"> & {
        takenAt: string;
        seenAt: string;
      };
      this.reports.set(host.id, { ...stored, takenAt: new Date(stored.takenAt), seenAt: new Date(stored.seenAt) });
    }
  }

  /** The last report of a host; undefined when it has never reported. */
  domainsOf(hostId: string): Report | undefined {
    return this.reports.get(hostId);
  }

  async take(hostId: string, report: Report): Promise<void> {
    this.reports.set(hostId, report);
    const text = JSON.stringify(report.domains.map(({ cpuSeconds: _, ...domain }) => domain));
    const before = this.written.get(hostId);
    if (before?.text === text && report.seenAt.getTime() - before.atMs < writeEveryMs) return;
    this.written.set(hostId, { atMs: report.seenAt.getTime(), text });
    await inTransaction(this.dataSource, (tx) =>
      tx.update(
        HostEntity,
        { id: hostId },
        { inventory: JSON.stringify(report), lastContactAt: report.seenAt.toISOString() },
      ),
    );
  }

  forget(hostId: string): void {
    this.reports.delete(hostId);
    this.written.delete(hostId);
  }
}
