import type { Command } from "commander";
import { withContext } from "../context.js";
import { wholeNumber } from "../number.js";
import { ago, table } from "../output.js";
import { type ListFlags, listOptions, listQuery, moreLine } from "../paging.js";

export function tokenCommands(program: Command): void {
  const token = program.command("token").description("API tokens: create, list, revoke");

  token
    .command("create <name>")
    .description("make a token; it is shown this once")
    .option("--role <role>", "at most this role; at most your own unless given")
    .option("--scope <scopes...>", "good for these alone: host:NAME, image:NAME, tag:NAME; a name may end in *")
    .addOption(wholeNumber("--days <n>", "days until it expires, 366 at most", [1, 366]).default(90))
    .action((name: string, flags: { role?: string; scope?: string[]; days: number }, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const made = await client.call("createToken", {
          body: { name, role: flags.role, scopes: flags.scope, expiresInDays: flags.days },
        });
        show(made, (answer) => `${answer.token}\n\nShown this once; good until ${answer.expiresAt} as ${answer.role}.`);
      }),
    );

  listOptions(token.command("list").description("list tokens; an admin sees all"), "-createdAt")
    .option("--name <part>", "names that hold this")
    .option("--username <name>", "tokens of this user")
    .action((flags: ListFlags & Record<string, string>, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const tokens = await client.call("listTokens", {
          query: { ...listQuery(flags), name: flags["name"], username: flags["username"] },
        });
        show(tokens, (answer) =>
          answer.items.length === 0
            ? "No tokens."
            : table(
                ["ID", "NAME", "USER", "AT MOST", "FOR", "EXPIRES", "LAST USED"],
                answer.items.map((one) => [
                  one.id,
                  one.name,
                  one.username,
                  one.role,
                  one.scopes?.join(" ") ?? "all",
                  one.expiresAt,
                  one.lastUsedAt === null ? "never" : ago(one.lastUsedAt),
                ]),
              ) + moreLine(answer),
        );
      }),
    );

  token
    .command("revoke <id>")
    .description("end a token at once")
    .action((id: string, _flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) => {
        show(await client.call("revokeToken", { params: { id } }), () => "The token is revoked.");
      }),
    );
}
