import type { AuditOutcome, AuditView } from "@convirt/contract/audit";
import { Column, Entity, Index, PrimaryColumn } from "typeorm";
import { instantColumn } from "../database/columns.js";

/** A record of the audit; written once and never changed. */
@Entity("audit")
@Index("ix_audit_at", ["at"])
@Index("ix_audit_username", ["username"])
@Index("ix_audit_action", ["action"])
@Index("ix_audit_outcome", ["outcome"])
export class AuditEntity {
  @PrimaryColumn({ type: "integer" })
  number!: number;
  @Column(instantColumn)
  at!: string;
  @Column({ type: "varchar", length: 64, nullable: true })
  username!: string | null;
  @Column({ type: "varchar", length: 16 })
  via!: AuditView["via"];
  @Column({ type: "varchar", length: 64, nullable: true })
  token!: string | null;
  @Column({ type: "varchar", length: 64 })
  address!: string;
  @Column({ type: "varchar", length: 32 })
  action!: string;
  @Column({ type: "simple-json" })
  objects!: string[];
  @Column({ type: "text", nullable: true })
  reason!: string | null;
  @Column({ type: "text" })
  asked!: string;
  @Column({ type: "varchar", length: 8 })
  outcome!: AuditOutcome;
  @Column({ type: "varchar", length: 64, nullable: true })
  code!: string | null;
  @Column({ type: "text", nullable: true })
  message!: string | null;
  @Column({ type: "simple-json" })
  commands!: string[];
  @Column({ type: "varchar", length: 64, name: "previous_hash" })
  previousHash!: string;
  @Column({ type: "varchar", length: 64 })
  hash!: string;
}

/** What is left of records that were pruned: one row, or none. */
@Entity("audit_anchor")
export class AuditAnchorEntity {
  @PrimaryColumn({ type: "integer" })
  id!: number;
  /** Of the last that was pruned. */
  @Column({ type: "integer" })
  number!: number;
  @Column({ type: "varchar", length: 64 })
  hash!: string;
  @Column(instantColumn)
  at!: string;
}
