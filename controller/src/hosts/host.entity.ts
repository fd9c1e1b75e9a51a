import { Column, Entity, PrimaryColumn } from "typeorm";
import { instantColumn } from "../database/columns.js";

@Entity("hosts")
export class HostEntity {
  /** The name in its certificate. */
  @PrimaryColumn({ type: "varchar", length: 36 })
  id!: string;
  @Column({ type: "varchar", length: 64, unique: true })
  name!: string;
  /** host:port of the agent. */
  @Column({ type: "varchar", length: 300 })
  address!: string;
  /** SHA-256 of the certificate that is accepted, hex; while one is being renewed, the old and the new with a comma. */
  @Column({ type: "varchar", length: 140 })
  fingerprint!: string;
  @Column({ type: "boolean" })
  draining!: boolean;
  @Column({ ...instantColumn, name: "enrolled_at" })
  enrolledAt!: string;
  @Column({ ...instantColumn, name: "certificate_not_after" })
  certificateNotAfter!: string;
  @Column({ ...instantColumn, type: "varchar", name: "last_contact_at", nullable: true })
  lastContactAt!: string | null;
  /** HostFactsView as JSON, with what else the agent said of itself. */
  @Column({ type: "text", nullable: true })
  facts!: string | null;
  @Column({ ...instantColumn, type: "varchar", name: "facts_at", nullable: true })
  factsAt!: string | null;
  /** The last inventory, as JSON. */
  @Column({ type: "text", nullable: true })
  inventory!: string | null;
}
