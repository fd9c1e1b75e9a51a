import type { Command } from "commander";
import { type Context, withContext } from "../context.js";
import { CommandFailed, exitCodes } from "../exit.js";
import { ago, table } from "../output.js";
import { type ListFlags, listOptions, listQuery, moreLine } from "../paging.js";

interface GiveFlags {
  user?: string;
  group?: string;
  on: string;
}

export function roleCommands(program: Command): void {
  const role = program.command("role").description("who may what: list, give, take");

  listOptions(role.command("list").description("list who holds which role, and for what"), "subject")
    .option("--user <name>", "of this user alone, without groups")
    .option("--group <name>", "of this group")
    .option("--role <role>", "this role")
    .option("--on <scope>", "for this")
    .action((flags: ListFlags & Record<string, string>, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const { user, group, role: wanted, on: scope } = flags as Record<string, string | undefined>;
        const query = { ...listQuery(flags), user, group, role: wanted, scope };
        show(await client.call("listGrants", { query }), (answer) =>
          answer.items.length === 0
            ? "No roles are given."
            : table(
                ["ID", "WHO", "ROLE", "FOR", "GIVEN", "BY"],
                answer.items.map((one) => [
                  one.id,
                  one.subject.kind === "group" ? `group ${one.subject.name}` : one.subject.name,
                  ...[one.role, one.scope, ago(one.createdAt), one.createdBy],
                ]),
              ) + moreLine(answer),
        );
      }),
    );

  role
    .command("give <role>")
    .description("give a role to a user or a group")
    .option("--user <name>")
    .option("--group <name>")
    .option("--on <scope>", "everything, host:NAME, image:NAME or tag:NAME; a name may end in *", "everything")
    .action((name: string, flags: GiveFlags, command: Command) =>
      withContext(command, async (context) => {
        await give(name, flags, context);
      }),
    );

  role
    .command("take <id>")
    .description("take a role away again; it counts at once")
    .action((id: string, _flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) => {
        show(await client.call("takeGrant", { params: { id } }), () => "The role is taken away.");
      }),
    );
}

async function give(role: string, { user, group, on: scope }: GiveFlags, { client, show }: Context): Promise<void> {
  if ((user === undefined) === (group === undefined))
    throw new CommandFailed(exitCodes.usage, "Say to whom: --user NAME or --group NAME, one of the two.");
  const subject = user === undefined ? { kind: "group", name: group } : { kind: "user", name: user };
  const given = await client.call("giveGrant", { body: { subject, role, scope } });
  show(given, (one) => `${one.subject.kind} ${one.subject.name} is ${one.role} for ${one.scope}.`);
}
