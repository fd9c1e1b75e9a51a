import { type MigrationInterface, type QueryRunner, Table, TableIndex } from "typeorm";

const short = (name: string, length: number, isNullable = false) => ({
  ...{ name, type: "varchar", length: String(length), isNullable },
});
const text = (name: string, isNullable = false) => ({ name, type: "text", isNullable });

/** The audit. */
export class Audit1764000000008 implements MigrationInterface {
  name = "Audit1764000000008";

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: "audit",
        columns: [
          { name: "number", type: "integer", isPrimary: true },
          short("at", 24),
          short("username", 64, true),
          short("via", 16),
          short("token", 64, true),
          short("address", 64),
          short("action", 32),
          text("objects"),
          text("reason", true),
          text("asked"),
          short("outcome", 8),
          short("code", 64, true),
          text("message", true),
          text("commands"),
          short("previous_hash", 64),
          short("hash", 64),
        ],
      }),
    );
    await runner.createIndex("audit", new TableIndex({ name: "ix_audit_at", columnNames: ["at"] }));
    await runner.createIndex("audit", new TableIndex({ name: "ix_audit_username", columnNames: ["username"] }));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable("audit");
  }
}
