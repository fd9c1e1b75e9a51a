// Prunes the audit, where the settings say how long records are kept: the oldest first, without a gap, in batches. Of what was pruned an anchor stays, the number and the
// hash of the last, and each pruning is a record itself, so that whoever checks the chain knows where it may begin. docs/decisions/0015 says what can be found so.
import { auditPruned } from "@convirt/contract/audit";
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from "@nestjs/common";
import { type ScheduledTask, schedule } from "node-cron";
import { DataSource, LessThanOrEqual, MoreThanOrEqual } from "typeorm";
import { CONFIG, type Config } from "../config/config.js";
import { now } from "../database/columns.js";
import { inTransaction } from "../database/write-queue.js";
import { AuditAnchorEntity, AuditEntity } from "./audit.entity.js";
import { AuditService } from "./audit.service.js";

/** Whatever the clock says. */
const alwaysKept = 1_000;
/** Other writers wait for one batch. */
const together = 5_000;
const dayMs = 86_400_000;
const daily = "23 3 * * *";

@Injectable()
export class AuditRetention implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger("audit");
  private task: ScheduledTask | undefined;
  private readonly stopping = new AbortController();

  constructor(
    private readonly dataSource: DataSource,
    private readonly audit: AuditService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.audit.keep_days === 0) return;
    this.task = schedule(
      daily,
      () =>
        this.prune().then(undefined, (error: unknown) =>
          this.log.error({ msg: "the audit could not be pruned; it is tried again tomorrow", err: error }),
        ),
      { noOverlap: true },
    );
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.task?.destroy();
  }

  /** Takes all that is older than the settings say; answers how many records that were. */
  async prune(): Promise<number> {
    const { keep_days: keepDays } = this.config.audit;
    if (keepDays === 0) return 0;
    const before = new Date(Date.now() - keepDays * dayMs).toISOString();
    let pruned = 0;
    while (!this.stopping.signal.aborted) {
      const some = await this.batch(before);
      if (some === 0) break;
      pruned += some;
    }
    if (pruned > 0) this.log.log({ msg: "audit pruned", records: pruned, before });
    return pruned;
  }

  private async batch(before: string): Promise<number> {
    return await inTransaction(this.dataSource, async (tx) => {
      const edge = (order: "ASC" | "DESC", where = {}) =>
        tx.find(AuditEntity, { select: { number: true }, where, order: { number: order }, take: 1 });
      const [[first], [newest], [young]] = await Promise.all([
        edge("ASC"),
        edge("DESC"),
        edge("ASC", { at: MoreThanOrEqual(before) }),
      ]);
      if (first === undefined || newest === undefined) return 0;
      const most = Math.min(newest.number - alwaysKept, (young?.number ?? newest.number + 1) - 1);
      const number = Math.min(most, first.number + together - 1);
      const last = await tx.findOneBy(AuditEntity, { number });
      if (number < first.number || last === null) return 0;
      await tx.delete(AuditEntity, { number: LessThanOrEqual(number) });
      await tx.save(AuditAnchorEntity, { id: 1, number, hash: last.hash, at: now() });
      const records = number - first.number + 1;
      await this.audit.addIn(tx, {
        ...{ username: null, via: "controller", token: null, address: "", action: auditPruned, reason: null },
        objects: [`records ${first.number} to ${number}`],
        asked: JSON.stringify({ last: { number, hash: last.hash }, records, before }),
        ...{ outcome: "done", code: null, message: null, commands: [] },
      });
      return records;
    });
  }
}
