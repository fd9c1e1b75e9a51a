import { type MigrationInterface, type QueryRunner, Table } from "typeorm";

const short = (name: string, length: number, isNullable = false) => ({
  name,
  type: "varchar",
  length: String(length),
  isNullable,
});
const text = (name: string, isNullable = false) => ({ name, type: "text", isNullable });

/** Hosts with what they last reported, and invitations. */
export class Hosts1764000000002 implements MigrationInterface {
  name = "Hosts1764000000002";

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: "hosts",
        columns: [
          { ...short("id", 36), isPrimary: true },
          { ...short("name", 64), isUnique: true },
          short("address", 300),
          short("fingerprint", 140),
          { name: "draining", type: "boolean" },
          short("enrolled_at", 24),
          short("certificate_not_after", 24),
          short("last_contact_at", 24, true),
          text("facts", true),
          short("facts_at", 24, true),
          text("inventory", true),
        ],
      }),
    );
    await runner.createTable(
      new Table({
        name: "invitations",
        columns: [
          { ...short("secret_hash", 64), isPrimary: true },
          short("host", 64),
          short("created_at", 24),
          short("expires_at", 24),
          short("created_by", 64),
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ["invitations", "hosts"]) await runner.dropTable(table);
  }
}
