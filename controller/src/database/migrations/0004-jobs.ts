import { type MigrationInterface, type QueryRunner, Table, TableIndex } from "typeorm";

/** Jobs, and their events with the bytes of their logs. */
export class Jobs1764000000004 implements MigrationInterface {
  name = "Jobs1764000000004";

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(jobsTable());
    await runner.createTable(eventsTable(runner));
    for (const index of indexes) await runner.createIndex(index.table, index.index);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable("job_events");
    await runner.dropTable("jobs");
  }
}

const text = (name: string, isNullable = false) => ({ name, type: "text", isNullable });
const short = (name: string, length: number, isNullable = false) => ({
  name,
  type: "varchar",
  length: String(length),
  isNullable,
});

function jobsTable(): Table {
  return new Table({
    name: "jobs",
    columns: [
      { ...short("id", 36), isPrimary: true },
      { name: "number", type: "integer" },
      { name: "restored", type: "boolean" },
      short("status", 16),
      short("phase", 16, true),
      short("image", 64),
      short("image_version", 64),
      short("host_id", 36),
      short("host", 64),
      short("vm", 64),
      short("vm_claim", 64, true),
      short("vm_uuid", 36),
      { name: "start", type: "boolean" },
      short("requested_by", 64),
      short("requested_by_id", 36),
      short("idempotency_key", 200, true),
      text("request"),
      text("spec"),
      text("options"),
      text("reason", true),
      short("retry_of", 36, true),
      short("created_at", 24),
      short("started_at", 24, true),
      short("ended_at", 24, true),
      short("code", 64, true),
      text("message", true),
      { name: "exit_code", type: "integer", isNullable: true },
      { name: "log_bytes", type: "integer" },
      short("log_sha256", 64, true),
      text("log_fault", true),
      { name: "log_cut", type: "boolean" },
      { name: "last_sequence", type: "integer" },
      { name: "agent_sequence", type: "integer" },
      text("staging", true),
      text("phases"),
      text("proofs"),
      text("leftovers"),
      text("cleaned"),
      text("disks"),
      text("vm_config_path", true),
      text("vm_config", true),
    ],
  });
}

function eventsTable(runner: QueryRunner): Table {
  const bytes = runner.connection.options.type === "postgres" ? "bytea" : "blob";
  return new Table({
    name: "job_events",
    columns: [
      { ...short("job_id", 36), isPrimary: true },
      { name: "sequence", type: "integer", isPrimary: true },
      short("kind", 16),
      short("at", 24),
      text("body", true),
      { name: "log_offset", type: "integer", isNullable: true },
      { name: "bytes", type: bytes, isNullable: true },
    ],
    foreignKeys: [
      {
        name: "fk_job_events_job",
        columnNames: ["job_id"],
        referencedTableName: "jobs",
        referencedColumnNames: ["id"],
        onDelete: "CASCADE",
      },
    ],
  });
}

const indexes = [
  { table: "jobs", index: new TableIndex({ name: "ux_jobs_number", columnNames: ["number"], isUnique: true }) },
  { table: "jobs", index: new TableIndex({ name: "ix_jobs_status", columnNames: ["status"] }) },
  // One VM name, one job that is not final; one key of one user, one job.
  { table: "jobs", index: new TableIndex({ name: "ux_jobs_vm_claim", columnNames: ["vm_claim"], isUnique: true }) },
  {
    table: "jobs",
    index: new TableIndex({
      name: "ux_jobs_idempotency",
      columnNames: ["requested_by_id", "idempotency_key"],
      isUnique: true,
    }),
  },
  // A log's byte is stored once: no two chunks begin at the same offset.
  {
    table: "job_events",
    index: new TableIndex({ name: "ux_job_events_log", columnNames: ["job_id", "log_offset"], isUnique: true }),
  },
];
