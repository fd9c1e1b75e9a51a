import type { Role } from "@convirt/contract/session";
import { Column, Entity, Index, PrimaryColumn } from "typeorm";
import { instantColumn } from "../database/columns.js";

@Entity("users")
@Index("ux_users_oidc_subject", ["oidcSubject"], { unique: true })
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
  /** Of who signs in by a provider's word: SHA-256 of the provider and its own id of them; null of all others. */
  @Column({ type: "varchar", length: 64, name: "oidc_subject", nullable: true })
  oidcSubject!: string | null;
  /** Encrypted; null without a second factor. */
  @Column({ type: "varchar", length: 255, name: "totp_secret", nullable: true })
  totpSecret!: string | null;
  /** The half minute of the last code that was used: none is good twice. */
  @Column({ type: "integer", name: "totp_last_step", nullable: true })
  totpLastStep!: number | null;
  /** SHA-256 of the codes on paper that are left. */
  @Column({ type: "simple-json", name: "recovery_hashes", nullable: true })
  recoveryHashes!: string[] | null;
  /** Where the user has signed in from, the latest first. */
  @Column({ type: "simple-json", name: "known_networks", nullable: true })
  knownNetworks!: string[] | null;
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
  @Column({ type: "varchar", length: 64, nullable: true })
  address!: string | null;
  @Column({ type: "varchar", length: 200, name: "user_agent", nullable: true })
  userAgent!: string | null;
  @Column({ ...instantColumn, type: "varchar", name: "last_seen_at", nullable: true })
  lastSeenAt!: string | null;
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
