// The audit: a table to which records are added and of which none is changed. Each holds the hash of the one before; the last hash goes to the log as well, so
// that records taken from the end are missed there. The oldest may be pruned: see retention.service.ts.
import { createHash } from "node:crypto";
import {
  type AuditVerified,
  type AuditView,
  type auditQuery,
  auditText,
  firstPreviousHash,
} from "@convirt/contract/audit";
import { AuditChain } from "@convirt/contract/audit-chain";
import { Injectable, Logger } from "@nestjs/common";
import { And, DataSource, type EntityManager, LessThanOrEqual, MoreThan, type SelectQueryBuilder } from "typeorm";
import type { z } from "zod";
import { now } from "../database/columns.js";
import { literal, orderOf, rowsOf } from "../database/paging.js";
import { inTransaction, readStored } from "../database/write-queue.js";
import { Refusal } from "../errors/refusal.js";
import { AuditAnchorEntity, AuditEntity } from "./audit.entity.js";

export type NewRecord = Omit<AuditView, "number" | "at" | "previousHash" | "hash">;

const sortable = ["number", "at", "username", "action", "outcome"] as const;
/** Records that are read at once by who reads all of them. */
const together = 500;
const mostTries = 3;

@Injectable()
export class AuditService {
  private readonly log = new Logger("audit");

  constructor(private readonly dataSource: DataSource) {}

  add(record: NewRecord): Promise<void> {
    return inTransaction(this.dataSource, (tx) => this.addIn(tx, record));
  }

  /** Within the caller's transaction: the record is there when what it tells of is. */
  async addIn(tx: EntityManager, record: NewRecord): Promise<void> {
    const [last] = await tx.find(AuditEntity, { order: { number: "DESC" }, take: 1 });
    const whole = {
      ...record,
      number: (last?.number ?? 0) + 1,
      at: now(),
      previousHash: last?.hash ?? firstPreviousHash,
    };
    const added = { ...whole, hash: sha256(auditText(whole)) };
    await tx.insert(AuditEntity, added);
    const { number, username, action, objects, outcome, code, reason, hash } = added;
    this.log.log({ msg: "audit", number, username, action, objects, outcome, code, reason, hash });
  }

  async list(
    query: z.output<typeof auditQuery>,
  ): Promise<{ items: AuditView[]; total: number; page: number; perPage: number }> {
    const { page, perPage, sort = "-number" } = query;
    const { field, direction } = orderOf(sort, sortable);
    const builder = filtered(this.dataSource.manager.createQueryBuilder(AuditEntity, "one"), query);
    const total = await builder.getCount();
    const { offset, limit, fromEnd } = rowsOf(query, total);
    if (limit === 0) return { items: [], total, page, perPage };
    const way = fromEnd === (direction === "ASC") ? "DESC" : "ASC";
    const rows = await builder
      .orderBy(`one.${field}`, way)
      .addOrderBy("one.number", way)
      .skip(offset)
      .take(limit)
      .getMany();
    const items = (fromEnd ? rows.reverse() : rows).map(toView);
    return { items, total, page, perPage };
  }

  async show(number: string): Promise<AuditView> {
    const found = /^\d{1,15}$/.test(number)
      ? await this.dataSource.manager.findOneBy(AuditEntity, { number: Number(number) })
      : null;
    if (found === null) throw new Refusal("not_found", `There is no record "${number.slice(0, 20)}" in the audit`);
    return toView(found);
  }

  /** All records that are there when it is asked for, oldest first. */
  async *all(): AsyncGenerator<AuditView> {
    const newest = await readStored(this.dataSource, (manager) => manager.maximum(AuditEntity, "number"));
    for (let last = 0; ; ) {
      const where = { number: And(MoreThan(last), LessThanOrEqual(newest ?? 0)) };
      const rows = await readStored(this.dataSource, (manager) =>
        manager.find(AuditEntity, { where, order: { number: "ASC" }, take: together }),
      );
      for (const row of rows) yield toView(row);
      last = rows.at(-1)?.number ?? last;
      if (rows.length < together) return;
    }
  }

  async verify(): Promise<AuditVerified> {
    for (let tries = 1; ; tries += 1) {
      const anchor = await this.anchor();
      const chain = new AuditChain(sha256);
      let broken: AuditVerified["broken"] = null;
      for await (const record of this.all()) {
        broken = chain.add(record) ?? null;
        if (broken !== null) break;
      }
      const after = await this.anchor();
      // Records were pruned while others were read: what was seen is of two moments.
      if (after?.number !== anchor?.number && tries < mostTries) continue;
      broken ??= chain.beginning(anchor);
      return { ok: broken === null, records: chain.records, anchor, head: chain.head, broken };
    }
  }

  private async anchor(): Promise<AuditVerified["anchor"]> {
    const [row] = await readStored(this.dataSource, (manager) => manager.find(AuditAnchorEntity));
    return row === undefined ? null : { number: row.number, hash: row.hash };
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function filtered(
  builder: SelectQueryBuilder<AuditEntity>,
  { user, action, outcome, object, since, until, text }: z.output<typeof auditQuery>,
): SelectQueryBuilder<AuditEntity> {
  if (user !== undefined) builder.andWhere("one.username = :user", { user });
  if (action !== undefined) builder.andWhere("one.action = :action", { action });
  if (outcome !== undefined) builder.andWhere("one.outcome = :outcome", { outcome });
  if (since !== undefined) builder.andWhere("one.at >= :since", { since });
  if (until !== undefined) builder.andWhere("one.at < :until", { until });
  if (object !== undefined)
    builder.andWhere("one.objects LIKE :object ESCAPE '!'", { object: `%${literal(JSON.stringify(object))}%` });
  if (text !== undefined) {
    const places = ["objects", "reason", "asked", "message"].map((place) => `one.${place} LIKE :text ESCAPE '!'`);
    builder.andWhere(`(${places.join(" OR ")})`, { text: `%${literal(text)}%` });
  }
  return builder;
}

function toView(row: AuditEntity): AuditView {
  return { ...row };
}
