import { randomUUID } from "node:crypto";
import { type MigrationInterface, type QueryRunner, Table, TableColumn, TableIndex } from "typeorm";

const short = (name: string, length: number, isPrimary = false) => ({
  ...{ name, type: "varchar", length: String(length), isPrimary },
});

/** What a role of before is now. Operators could remove VMs with their disks and drain hosts, and still can. */
const roleNow: Record<string, string> = { viewer: "viewer", operator: "vm_admin", admin: "admin" };
const roleBefore: Record<string, string> = { viewer: "viewer", admin: "admin", image_author: "admin" };

/** Roles are granted, for everything or for a part; each user's one role becomes a grant for everything. */
export class Grants1764000000007 implements MigrationInterface {
  name = "Grants1764000000007";

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: "grants",
        columns: [
          short("id", 36, true),
          short("subject_kind", 8),
          short("subject", 64),
          short("role", 16),
          short("scope", 80),
          short("created_at", 24),
          short("created_by", 64),
        ],
      }),
    );
    const columnNames = ["subject_kind", "subject", "role", "scope"];
    await runner.createIndex("grants", new TableIndex({ name: "ux_grants", columnNames, isUnique: true }));
    await runner.createTable(
      new Table({ name: "tags", columns: [short("kind", 8, true), short("name", 64, true), short("tag", 64, true)] }),
    );
    const users = (await runner.query("SELECT username, role, created_at FROM users")) as Record<string, string>[];
    for (const user of users)
      await insert(runner, "grants", {
        ...{ id: randomUUID(), subject_kind: "user", subject: user["username"] },
        ...{ role: roleNow[user["role"] ?? ""], scope: "everything", created_at: user["created_at"], created_by: "" },
      });
    await runner.dropColumn("users", "role");
    await runner.addColumn("users", new TableColumn({ name: "groups", type: "text", isNullable: true }));
    await runner.addColumn("tokens", new TableColumn({ name: "scopes", type: "text", isNullable: true }));
    await runner.query("UPDATE tokens SET role = 'vm_admin' WHERE role = 'operator'");
  }

  /** Grants for a part are lost: there was nothing like them. */
  async down(runner: QueryRunner): Promise<void> {
    const column = { name: "role", type: "varchar", length: "16", isNullable: true };
    await runner.addColumn("users", new TableColumn(column));
    const grants = (await runner.query(
      "SELECT subject, role FROM grants WHERE subject_kind = 'user' AND scope = 'everything'",
    )) as { subject: string; role: string }[];
    await runner.query("UPDATE users SET role = 'viewer'");
    for (const least of ["operator", "admin"])
      for (const { subject, role } of grants)
        if ((roleBefore[role] ?? "operator") === least)
          await runner.manager
            .createQueryBuilder()
            .update("users")
            .set({ role: least })
            .where({ username: subject })
            .execute();
    await runner.changeColumn("users", "role", new TableColumn({ ...column, isNullable: false }));
    await runner.query("UPDATE tokens SET role = 'operator' WHERE role NOT IN ('viewer', 'operator', 'admin')");
    await runner.dropColumn("tokens", "scopes");
    await runner.dropColumn("users", "groups");
    await runner.dropTable("tags");
    await runner.dropTable("grants");
  }
}

async function insert(runner: QueryRunner, table: string, values: Record<string, unknown>): Promise<void> {
  await runner.manager.createQueryBuilder().insert().into(table, Object.keys(values)).values(values).execute();
}
