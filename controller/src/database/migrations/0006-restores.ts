import { type MigrationInterface, type QueryRunner, Table } from "typeorm";

/** That this file is, or was, a copy: each copy is told so before it is put away. */
export class Restores1764000000006 implements MigrationInterface {
  name = "Restores1764000000006";

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: "restores",
        columns: [
          { name: "copy_taken_at", type: "varchar", length: "24", isPrimary: true },
          { name: "restored_at", type: "varchar", length: "24", isNullable: true },
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable("restores");
  }
}
