// A job's record and its events. The record repeats what the events say, so that lists need not replay them; both change in one transaction.
import type { JobPhase, JobStatus, ProvisionBody } from "@convirt/contract/job";
import { Column, Entity, ForeignKey, Index, PrimaryColumn } from "typeorm";

export interface StoredPhase {
  phase: JobPhase;
  startedAt: string;
  durationMs: number | null;
}
export interface StoredDisk {
  target: string;
  device: string;
  format: string;
  bytes: number;
  writable: boolean;
}
export interface StoredProof {
  subject: string;
  holds: boolean;
  found: string;
}
export interface StoredLeftover {
  kind: string;
  path: string;
  bytes: number;
  detail: string;
}
export interface StoredCleaned extends StoredLeftover {
  at: string;
  by: string;
}
export interface StoredTreeReference {
  name: string;
  digest: string;
  bytes: number;
}
/** The specification as it goes to the host; rendered once, when the request was accepted. */
export interface StoredSpec {
  trees: StoredTreeReference[];
  imageConf: string;
  vmConf: string;
  timeoutMs: number;
}
/** The options as JSON, for the record of the VM. */
export interface StoredOptions {
  imageConf: Record<string, unknown>;
  vmConf: Record<string, unknown>;
}

@Entity("jobs")
@Index("ux_jobs_number", ["number"], { unique: true })
@Index("ix_jobs_status", ["status", "number", "startedAt", "endedAt", "image", "vm", "requestedBy", "host"])
@Index("ix_jobs_host", ["host", "number", "startedAt", "endedAt", "image", "vm", "requestedBy", "status"])
@Index("ix_jobs_image", ["image", "number", "startedAt", "endedAt", "host", "vm", "requestedBy", "status"])
@Index("ix_jobs_vm", ["vm", "number"])
@Index("ix_jobs_image_version", ["imageVersion", "image"])
@Index("ix_jobs_requested_by", ["requestedBy", "number"])
@Index("ix_jobs_started_at", ["startedAt", "number"])
@Index("ix_jobs_ended_at", ["endedAt", "number"])
@Index("ux_jobs_vm_claim", ["vmClaim"], { unique: true })
@Index("ux_jobs_idempotency", ["requestedById", "idempotencyKey"], { unique: true })
export class JobEntity {
  @PrimaryColumn({ type: "varchar", length: 36 })
  id!: string;
  /** Counts jobs in the order in which they were made: clocks are set back, this is not. */
  @Column({ type: "integer" })
  number!: number;
  /** Not ended when the database was restored from a copy: its host may have run and forgotten it since, so that it is never sent again. */
  @Column({ type: "boolean" })
  restored!: boolean;
  @Column({ type: "varchar", length: 16 })
  status!: JobStatus;
  @Column({ type: "varchar", length: 16, nullable: true })
  phase!: JobPhase | null;
  @Column({ type: "varchar", length: 64 })
  image!: string;
  @Column({ type: "varchar", length: 64, name: "image_version" })
  imageVersion!: string;
  @Column({ type: "varchar", length: 36, name: "host_id" })
  hostId!: string;
  @Column({ type: "varchar", length: 64 })
  host!: string;
  @Column({ type: "varchar", length: 64 })
  vm!: string;
  /** The VM's name until the job is final, then null: a unique index keeps two jobs from making one VM. */
  @Column({ type: "varchar", length: 64, name: "vm_claim", nullable: true })
  vmClaim!: string | null;
  @Column({ type: "varchar", length: 36, name: "vm_uuid" })
  vmUuid!: string;
  @Column({ type: "boolean" })
  start!: boolean;
  @Column({ type: "varchar", length: 64, name: "requested_by" })
  requestedBy!: string;
  @Column({ type: "varchar", length: 36, name: "requested_by_id" })
  requestedById!: string;
  @Column({ type: "varchar", length: 200, name: "idempotency_key", nullable: true })
  idempotencyKey!: string | null;
  /** Without the values of secret options. */
  @Column({ type: "simple-json" })
  request!: ProvisionBody;
  /** The specification's files with their secrets, and these, sealed; null when there are none, and once the job has ended. */
  @Column({ type: "text", nullable: true })
  sealed!: string | null;
  /** Which secret options the request gave values for. */
  @Column({ type: "simple-json", name: "secret_names", nullable: true })
  secretNames!: { imageConf: string[]; vmConf: string[] } | null;
  @Column({ type: "simple-json" })
  spec!: StoredSpec;
  @Column({ type: "simple-json" })
  options!: StoredOptions;
  @Column({ type: "text", nullable: true })
  reason!: string | null;
  @Column({ type: "varchar", length: 36, name: "retry_of", nullable: true })
  retryOf!: string | null;
  /** Times are RFC 3339 in UTC. */
  @Column({ type: "varchar", length: 24, name: "created_at" })
  createdAt!: string;
  @Column({ type: "varchar", length: 24, name: "started_at", nullable: true })
  startedAt!: string | null;
  @Column({ type: "varchar", length: 24, name: "ended_at", nullable: true })
  endedAt!: string | null;
  @Column({ type: "varchar", length: 64, nullable: true })
  code!: string | null;
  @Column({ type: "text", nullable: true })
  message!: string | null;
  @Column({ type: "integer", name: "exit_code", nullable: true })
  exitCode!: number | null;
  @Column({ type: "integer", name: "log_bytes" })
  logBytes!: number;
  @Column({ type: "varchar", length: 64, name: "log_sha256", nullable: true })
  logSha256!: string | null;
  /** What is wrong with the stored log when it is not the host's. */
  @Column({ type: "text", name: "log_fault", nullable: true })
  logFault!: string | null;
  @Column({ type: "boolean", name: "log_cut" })
  logCut!: boolean;
  /** Of our own events. */
  @Column({ type: "integer", name: "last_sequence" })
  lastSequence!: number;
  /** Of the host's journal: where following goes on. */
  @Column({ type: "integer", name: "agent_sequence" })
  agentSequence!: number;
  /** What the host waits for, until the phase ends: its question is not asked again after a restart. */
  @Column({ type: "simple-json", nullable: true })
  staging!: StoredTreeReference[] | null;
  @Column({ type: "simple-json" })
  phases!: StoredPhase[];
  @Column({ type: "simple-json" })
  proofs!: StoredProof[];
  @Column({ type: "simple-json" })
  leftovers!: StoredLeftover[];
  @Column({ type: "simple-json" })
  cleaned!: StoredCleaned[];
  @Column({ type: "simple-json" })
  disks!: StoredDisk[];
  @Column({ type: "text", name: "vm_config_path", nullable: true })
  vmConfigPath!: string | null;
  @Column({ type: "text", name: "vm_config", nullable: true })
  vmConfig!: string | null;
}

const blobType = "blob" as const;

@Entity("job_events")
@Index("ux_job_events_log", ["jobId", "logOffset"], { unique: true })
export class JobEventEntity {
  @ForeignKey(() => JobEntity, { name: "fk_job_events_job", onDelete: "CASCADE" })
  @PrimaryColumn({ type: "varchar", length: 36, name: "job_id" })
  jobId!: string;
  @PrimaryColumn({ type: "integer" })
  sequence!: number;
  @Column({ type: "varchar", length: 16 })
  kind!: string;
  @Column({ type: "varchar", length: 24 })
  at!: string;
  /** JSON of what the kind adds; null of a log chunk, whose bytes stand in a column of their own. */
  @Column({ type: "text", nullable: true })
  body!: string | null;
  @Column({ type: "integer", name: "log_offset", nullable: true })
  logOffset!: number | null;
  @Column({ type: blobType, nullable: true })
  bytes!: Buffer | null;
}
