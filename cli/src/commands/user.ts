import type { UserView } from "@convirt/contract/session";
import type { Command } from "commander";
import { withContext } from "../context.js";
import { ago, table } from "../output.js";
import { type ListFlags, listOptions, listQuery, moreLine } from "../paging.js";
import { readPassword } from "../password.js";

interface UserFlags {
  role?: string;
  group?: string[];
  password?: boolean;
  passwordStdin?: boolean;
  secondFactor?: boolean;
}

const roleHelp = "viewer, operator, provisioner, vm_admin, image_author, raw_config or admin";

export function userCommands(program: Command): void {
  const user = program.command("user").description("users: list, add, change, remove");

  listOptions(user.command("list").description("list users"), "username")
    .option("--name <part>", "names that hold this")
    .option("--role <role>", "whose role for everything is this one")
    .action((flags: ListFlags & Record<string, string>, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const users = await client.call("listUsers", {
          query: { ...listQuery(flags), username: flags["name"], role: flags["role"] },
        });
        show(users, (answer) => userTable(answer.items) + moreLine(answer));
      }),
    );

  user
    .command("add <name>")
    .description("add a user; the password is asked for")
    .option("--role <role>", `for everything: ${roleHelp}`)
    .option("--group <names...>", "groups that the user is in")
    .option("--password-stdin", "read the password from standard input")
    .action((username: string, flags: UserFlags, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const password = await readPassword(flags.passwordStdin ?? false);
        const added = await client.call("createUser", {
          body: { username, password, role: flags.role, groups: flags.group },
        });
        show(added, (one) =>
          one.grants === 0
            ? `${one.username} is added, and may nothing yet: convirt role give ROLE --user ${one.username}`
            : `${one.username} is added.`,
        );
      }),
    );

  user
    .command("change <name>")
    .description("change a user's role for everything, groups or password")
    .option("--role <role>", `for everything: ${roleHelp}; none takes it away`)
    .option("--group <names...>", "all groups that the user is in from now on; none is no group")
    .option("--password", "give a new password; it is asked for, and ends the user's sessions")
    .option("--password-stdin", "read the new password from standard input")
    .option("--no-second-factor", "take away the second factor of a user who has lost it")
    .action((username: string, flags: UserFlags, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const isNew = (flags.password ?? false) || (flags.passwordStdin ?? false);
        const body = {
          role: flags.role === "none" ? null : flags.role,
          groups: flags.group?.filter((name) => name !== "none"),
          secondFactor: flags.secondFactor === false ? false : undefined,
          password: isNew ? await readPassword(flags.passwordStdin ?? false) : undefined,
        };
        show(
          await client.call("changeUser", { params: { username }, body }),
          (one) =>
            userTable([one]) +
            (isNew && one.tokens > 0
              ? `\nSessions have ended; ${one.tokens} API tokens are still good: convirt token list --username ${one.username}`
              : ""),
        );
      }),
    );

  user
    .command("remove <name>")
    .description("remove a user; sessions, tokens and grants end at once")
    .action((username: string, _flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) => {
        show(await client.call("removeUser", { params: { username } }), () => `${username} is removed.`);
      }),
    );
}

function userTable(users: readonly UserView[]): string {
  return table(
    ["NAME", "ROLE FOR EVERYTHING", "GROUPS", "GRANTS", "2ND FACTOR", "LAST SIGN-IN"],
    users.map((one) => [
      one.username,
      one.role ?? "none",
      one.groups.join(" "),
      one.grants,
      one.secondFactor ? "set" : "none",
      one.lastSignInAt === null ? "never" : ago(one.lastSignInAt),
    ]),
  );
}
