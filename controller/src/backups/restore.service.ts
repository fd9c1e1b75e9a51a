// Notices at start that the database is a copy that was put back. Jobs that had not ended when it was taken may have run, ended and been forgotten
// by their hosts since: they are marked, so that none is ever sent again. Nothing else is changed; what differs from the hosts is shown as drift.
import type { JobStatus } from "@convirt/contract/job";
import { Injectable, Logger, type OnModuleInit } from "@nestjs/common";
import { DataSource, In, IsNull, Not } from "typeorm";
import { now } from "../database/columns.js";
import { inTransaction } from "../database/write-queue.js";
import { JobEntity } from "../provisioning/job.entity.js";
import { RestoreEntity } from "./restore.entity.js";

export interface Restored {
  copyTakenAt: string;
  restoredAt: string;
}

@Injectable()
export class RestoreService implements OnModuleInit {
  private readonly log = new Logger("backups");

  constructor(private readonly dataSource: DataSource) {}

  async onModuleInit(): Promise<void> {
    const marked = await inTransaction(this.dataSource, async (tx) => {
      const copy = await tx.findOneBy(RestoreEntity, { restoredAt: IsNull() });
      if (copy === null) return undefined;
      await tx.update(RestoreEntity, { copyTakenAt: copy.copyTakenAt }, { restoredAt: now() });
      const unfinished: JobStatus[] = ["queued", "running", "cancelling"];
      const { affected } = await tx.update(JobEntity, { status: In(unfinished) }, { restored: true });
      return { copyTakenAt: copy.copyTakenAt, jobs: affected ?? 0 };
    });
    if (marked !== undefined)
      this.log.warn({ msg: "the database is a copy that was put back; see: convirt host drift", ...marked });
  }

  /** The last time that a copy was put back, if ever. */
  async last(): Promise<Restored | null> {
    const row = await this.dataSource.manager.findOne(RestoreEntity, {
      where: { restoredAt: Not(IsNull()) },
      order: { restoredAt: "DESC" },
    });
    return row === null ? null : { copyTakenAt: row.copyTakenAt, restoredAt: row.restoredAt ?? "" };
  }
}
