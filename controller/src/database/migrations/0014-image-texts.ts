import { type MigrationInterface, type QueryRunner, Table, TableIndex } from "typeorm";

/** What each version of an image held, and by which version VMs and jobs are found that name it. */
export class ImageTexts1764000000014 implements MigrationInterface {
  name = "ImageTexts1764000000014";

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: "image_version_files",
        columns: [
          { name: "image", type: "varchar", length: "64", isPrimary: true },
          { name: "version", type: "varchar", length: "64", isPrimary: true },
          { name: "path", type: "varchar", length: "1024", isPrimary: true },
          { name: "mode", type: "integer" },
          { name: "bytes", type: "varchar", length: "20" },
          { name: "sha256", type: "varchar", length: "64" },
          { name: "kept", type: "varchar", length: "16" },
        ],
        indices: [{ name: "ix_image_version_files_sha256", columnNames: ["sha256"] }],
      }),
    );
    await runner.createTable(
      new Table({
        name: "image_texts",
        columns: [
          { name: "sha256", type: "varchar", length: "64", isPrimary: true },
          { name: "text", type: "text" },
        ],
      }),
    );
    for (const table of ["jobs", "vms"])
      await runner.createIndex(
        table,
        new TableIndex({ name: `ix_${table}_image_version`, columnNames: ["image_version", "image"] }),
      );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ["jobs", "vms"]) await runner.dropIndex(table, `ix_${table}_image_version`);
    await runner.dropTable("image_texts");
    await runner.dropTable("image_version_files");
  }
}
