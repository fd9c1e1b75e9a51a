import type { Role } from "@convirt/contract/session";
import { Column, Entity, PrimaryColumn } from "typeorm";
import { instantColumn } from "../database/columns.js";

@Entity("users")
export class UserEntity {
  @PrimaryColumn({ type: "varchar", length: 36 })
  id!: string;
  @Column({ type: "varchar", length: 64, unique: true })
  username!: string;
  /** argon2id, with its parameters. */
  @Column({ type: "varchar", length: 255, name: "password_hash" })
  passwordHash!: string;
  /** Names; null is none. */
  @Column({ type: "simple-json", nullable: true })
  groups!: string[] | null;
  @Column({ ...instantColumn, name: "created_at" })
  createdAt!: string;
  @Column({ ...instantColumn, type: "varchar", name: "last_sign_in_at", nullable: true })
  lastSignInAt!: string | null;
}

@Entity("sessions")
export class SessionEntity {
  /** SHA-256 of what the cookie holds. */
  @PrimaryColumn({ type: "varchar", length: 64, name: "id_hash" })
  idHash!: string;
  @Column({ type: "varchar", length: 36, name: "user_id" })
  userId!: string;
  @Column({ ...instantColumn, name: "created_at" })
  createdAt!: string;
  @Column({ ...instantColumn, name: "expires_at" })
  expiresAt!: string;
}

@Entity("tokens")
export class TokenEntity {
  @PrimaryColumn({ type: "varchar", length: 36 })
  id!: string;
  @Column({ type: "varchar", length: 64, name: "token_hash", unique: true })
  tokenHash!: string;
  @Column({ type: "varchar", length: 36, name: "user_id" })
  userId!: string;
  @Column({ type: "varchar", length: 64 })
  name!: string;
  /** The most that it may be used for. */
  @Column({ type: "varchar", length: 16 })
  role!: Role;
  /** What it may be used for; null is all. */
  @Column({ type: "simple-json", nullable: true })
  scopes!: string[] | null;
  @Column({ ...instantColumn, name: "created_at" })
  createdAt!: string;
  @Column({ ...instantColumn, name: "expires_at" })
  expiresAt!: string;
  @Column({ ...instantColumn, type: "varchar", name: "last_used_at", nullable: true })
  lastUsedAt!: string | null;
}
