import { type MigrationInterface, type QueryRunner, TableColumn, TableIndex } from "typeorm";

const column = { name: "oidc_subject", type: "varchar", length: "64", isNullable: true };
const index = { name: "ux_users_oidc_subject", columnNames: ["oidc_subject"], isUnique: true };

/** Users who sign in by another's word. */
export class Oidc1764000000010 implements MigrationInterface {
  name = "Oidc1764000000010";

  async up(runner: QueryRunner): Promise<void> {
    await runner.addColumn("users", new TableColumn(column));
    await runner.createIndex("users", new TableIndex(index));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropIndex("users", index.name);
    await runner.dropColumn("users", column.name);
  }
}
