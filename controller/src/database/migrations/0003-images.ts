import { type MigrationInterface, type QueryRunner, Table } from "typeorm";

/** Versions of images seen, and hashes of their files. */
export class Images1764000000003 implements MigrationInterface {
  name = "Images1764000000003";

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: "image_versions",
        columns: [
          { name: "image", type: "varchar", length: "64", isPrimary: true },
          { name: "version", type: "varchar", length: "64", isPrimary: true },
          { name: "seen_at", type: "varchar", length: "24" },
          { name: "files", type: "integer" },
          { name: "bytes", type: "varchar", length: "20" },
        ],
      }),
    );
    await runner.createTable(
      new Table({
        name: "image_file_hashes",
        columns: [
          { name: "path", type: "varchar", length: "1400", isPrimary: true },
          { name: "stamp", type: "varchar", length: "100" },
          { name: "sha256", type: "varchar", length: "64" },
          { name: "chunk_hashes", type: "text" },
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable("image_file_hashes");
    await runner.dropTable("image_versions");
  }
}
