import { type MigrationInterface, type QueryRunner, Table } from "typeorm";

const short = (name: string, length: number, isNullable = false) => ({
  name,
  type: "varchar",
  length: String(length),
  isNullable,
});

/** Users, their sessions and API tokens, and answers that are kept under an idempotency key. */
export class Access1764000000001 implements MigrationInterface {
  name = "Access1764000000001";

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: "users",
        columns: [
          { ...short("id", 36), isPrimary: true },
          { ...short("username", 64), isUnique: true },
          short("password_hash", 255),
          short("role", 16),
          short("created_at", 24),
          short("last_sign_in_at", 24, true),
        ],
      }),
    );
    await runner.createTable(
      new Table({
        name: "sessions",
        columns: [
          { ...short("id_hash", 64), isPrimary: true },
          short("user_id", 36),
          short("created_at", 24),
          short("expires_at", 24),
        ],
      }),
    );
    await runner.createTable(
      new Table({
        name: "tokens",
        columns: [
          { ...short("id", 36), isPrimary: true },
          { ...short("token_hash", 64), isUnique: true },
          short("user_id", 36),
          short("name", 64),
          short("role", 16),
          short("created_at", 24),
          short("expires_at", 24),
          short("last_used_at", 24, true),
        ],
      }),
    );
    await runner.createTable(
      new Table({
        name: "kept_answers",
        columns: [
          { ...short("id", 64), isPrimary: true },
          short("request_hash", 64),
          { name: "status", type: "integer" },
          { name: "body", type: "text" },
          short("created_at", 24),
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ["kept_answers", "tokens", "sessions", "users"]) await runner.dropTable(table);
  }
}
