import { type MigrationInterface, type QueryRunner, TableColumn } from "typeorm";

const text = (name: string) => new TableColumn({ name, type: "text", isNullable: true });
const short = (name: string, length: number) =>
  new TableColumn({ name, type: "varchar", length: String(length), isNullable: true });

const added = {
  users: [
    short("totp_secret", 255),
    new TableColumn({ name: "totp_last_step", type: "integer", isNullable: true }),
    text("recovery_hashes"),
    text("known_networks"),
  ],
  sessions: [short("address", 64), short("user_agent", 200), short("last_seen_at", 24)],
};

/** Second factors, where somebody has signed in from, and what is shown of a session. */
export class SignIn1764000000009 implements MigrationInterface {
  name = "SignIn1764000000009";

  async up(runner: QueryRunner): Promise<void> {
    for (const [table, columns] of Object.entries(added)) await runner.addColumns(table, columns);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const [table, columns] of Object.entries(added)) await runner.dropColumns(table, columns);
  }
}
