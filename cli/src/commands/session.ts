import type { Command } from "commander";
import { withContext } from "../context.js";
import { ago, table } from "../output.js";
import { type ListFlags, listOptions, listQuery, moreLine } from "../paging.js";

export function sessionCommands(program: Command): void {
  const session = program.command("session").description("where people are signed in by browser: list, end");

  listOptions(session.command("list").description("list sessions; an admin sees all"), "-createdAt")
    .option("--username <name>", "of this user")
    .action((flags: ListFlags & Record<string, string>, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const query = { ...listQuery(flags), username: flags["username"] };
        show(await client.call("listSessions", { query }), (answer) =>
          answer.items.length === 0
            ? "No sessions."
            : table(
                ["ID", "USER", "FROM", "BEGAN", "LAST SEEN", "ENDS", "BROWSER"],
                answer.items.map((one) => [
                  ...[one.id, one.username, one.address, ago(one.createdAt), ago(one.lastSeenAt)],
                  ...[one.expiresAt, one.userAgent],
                ]),
              ) + moreLine(answer),
        );
      }),
    );

  session
    .command("end <id>")
    .description("end a session at once")
    .action((id: string, _flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) => {
        show(await client.call("endSession", { params: { id } }), () => "The session has ended.");
      }),
    );
}
