import { type MigrationInterface, type QueryRunner, Table } from "typeorm";

/** What is left of records of the audit that were pruned. */
export class AuditAnchor1764000000013 implements MigrationInterface {
  name = "AuditAnchor1764000000013";

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: "audit_anchor",
        columns: [
          { name: "id", type: "integer", isPrimary: true },
          { name: "number", type: "integer" },
          { name: "hash", type: "varchar", length: "64" },
          { name: "at", type: "varchar", length: "24" },
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable("audit_anchor");
  }
}
