import { type MigrationInterface, type QueryRunner, TableColumn } from "typeorm";

const columns = ["sealed", "secret_names"].map((name) => new TableColumn({ name, type: "text", isNullable: true }));

/** What a job must know and nobody is shown, sealed, for as long as the job lasts. */
export class Secrets1764000000011 implements MigrationInterface {
  name = "Secrets1764000000011";

  async up(runner: QueryRunner): Promise<void> {
    await runner.addColumns("jobs", columns);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropColumns("jobs", columns);
  }
}
