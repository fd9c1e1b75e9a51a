import { Column, Entity, PrimaryColumn } from "typeorm";
import { instantColumn } from "../database/columns.js";

@Entity("invitations")
export class InvitationEntity {
  /** SHA-256 of what the invitation holds. */
  @PrimaryColumn({ type: "varchar", length: 64, name: "secret_hash" })
  secretHash!: string;
  @Column({ type: "varchar", length: 64 })
  host!: string;
  @Column({ ...instantColumn, name: "created_at" })
  createdAt!: string;
  @Column({ ...instantColumn, name: "expires_at" })
  expiresAt!: string;
  @Column({ type: "varchar", length: 64, name: "created_by" })
  createdBy!: string;
}
