import { type MigrationInterface, type QueryRunner, TableIndex } from "typeorm";

/**
 * By these, lists of a hundred thousand jobs and ten thousand VMs are filtered, sorted, counted and cut without reading a row that is not shown. Those by which one
 * filters hold all that such a list may then be sorted by; the host and the state of a job alone leave many.
 */
const indexes = [
  index("jobs", "ix_jobs_status", [
    "status",
    "number",
    "started_at",
    "ended_at",
    "image",
    "vm",
    "requested_by",
    "host",
  ]),
  index("jobs", "ix_jobs_host", ["host", "number", "started_at", "ended_at", "image", "vm", "requested_by", "status"]),
  index("jobs", "ix_jobs_image", ["image", "number", "started_at", "ended_at", "host", "vm", "requested_by", "status"]),
  index("jobs", "ix_jobs_vm", ["vm", "number"]),
  index("jobs", "ix_jobs_requested_by", ["requested_by", "number"]),
  index("jobs", "ix_jobs_started_at", ["started_at", "number"]),
  index("jobs", "ix_jobs_ended_at", ["ended_at", "number"]),
  index("vms", "ix_vms_list", ["name", "id", "host_id", "host", "image", "memory_mib", "vcpus", "created_at"]),
  index("vms", "ix_vms_image", ["image", "name", "id", "host_id", "host", "memory_mib", "vcpus", "created_at"]),
  index("audit", "ix_audit_action", ["action"]),
  index("audit", "ix_audit_outcome", ["outcome"]),
];

export class Lists1764000000012 implements MigrationInterface {
  name = "Lists1764000000012";

  async up(runner: QueryRunner): Promise<void> {
    await runner.dropIndex("jobs", "ix_jobs_status");
    await runner.dropIndex("vms", "ix_vms_image");
    for (const one of indexes) await runner.createIndex(one.table, one.index);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const one of indexes) await runner.dropIndex(one.table, one.index);
    await runner.createIndex("jobs", new TableIndex({ name: "ix_jobs_status", columnNames: ["status"] }));
    await runner.createIndex("vms", new TableIndex({ name: "ix_vms_image", columnNames: ["image"] }));
  }
}

function index(table: string, name: string, columnNames: string[]): { table: string; index: TableIndex } {
  return { table, index: new TableIndex({ name, columnNames }) };
}
