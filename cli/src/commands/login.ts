import { hostname } from "node:os";
import type { Command } from "commander";
import { trustedAuthority } from "../authority.js";
import { Client, type Opened } from "../client.js";
import { withContext } from "../context.js";
import { CommandFailed, exitCodes } from "../exit.js";
import { wholeNumber } from "../number.js";
import { ask, readPassword } from "../password.js";
import { currentSettings, forget, loadSaved, namedAuthority, save, settingsPath } from "../settings.js";

export function loginCommands(program: Command): void {
  program
    .command("login [server]")
    .description("sign in to a controller and keep a token for it")
    .option("--username <name>")
    .option("--password-stdin", "read the password from standard input")
    .option("--code <code>", "of your second factor; asked for where it is needed")
    .addOption(wholeNumber("--days <n>", "days until the token expires, 366 at most", [1, 366]).default(90))
    .option("--accept-ca <sha256>", "trust the controller's own authority if its key has this SHA-256")
    .action(async (server: string | undefined, flags: LoginFlags, command: Command) => login(server, flags, command));

  program
    .command("logout")
    .description("revoke the kept token and forget it")
    .action((_flags: unknown, command: Command) =>
      withContext(command, async ({ client }) => {
        const saved = loadSaved();
        // Signed out is signed out: a token that cannot be revoked is forgotten here all the same.
        const trouble =
          saved?.tokenId !== undefined && saved.server === client.server
            ? await revoked(client, saved.tokenId)
            : undefined;
        forget();
        process.stderr.write(trouble === undefined ? "Signed out.\n" : `Signed out here. ${trouble}\n`);
      }),
    );

  program
    .command("whoami")
    .description("who the controller takes me for")
    .action((_flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) =>
        show(await client.call("showSession"), (me) => {
          const parts = me.grants
            .filter(({ role }) => role !== me.role)
            .map(({ role, scope }) => `  ${role} for ${scope}`);
          const head = `${me.username} (${me.role ?? (parts.length === 0 ? "no role yet" : "no role for everything")})`;
          return [`${head} at ${client.server}`, ...parts].join("\n");
        }),
      ),
    );
}

/** Revokes the token; a sentence when that could not be done. One that the controller takes no more needs no revoking. */
async function revoked(client: Client, id: string): Promise<string | undefined> {
  try {
    await client.call("revokeToken", { params: { id } });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    if (error.exitCode === exitCodes.denied || error.exitCode === exitCodes.notFound) return undefined;
    return `The token is still good until it expires: ${error.message}`;
  }
}

/** Asks for the code of a second factor where there is one. */
async function signIn(client: Client, who: { username: string; password: string }, code?: string): Promise<Opened> {
  try {
    return await client.open("signIn", { body: { ...who, code } });
  } catch (error) {
    const isNeeded =
      error instanceof CommandFailed && (error.body as { code?: string })?.code === "second_factor_needed";
    if (!isNeeded || code !== undefined || !process.stdin.isTTY) throw error;
    const given = await ask(async () => (await import("@inquirer/prompts")).input({ message: "Code" }));
    return await client.open("signIn", { body: { ...who, code: given } });
  }
}

interface LoginFlags {
  code?: string;
  username?: string;
  passwordStdin?: boolean;
  days: number;
  acceptCa?: string;
}

async function login(server: string | undefined, flags: LoginFlags, command: Command): Promise<void> {
  const settings = currentSettings({ server: server ?? command.optsWithGlobals<{ server?: string }>().server });
  const ca = namedAuthority() ?? (await trustedAuthority(settings.server, settings.ca, flags.acceptCa));
  const username =
    flags.username ?? (await ask(async () => (await import("@inquirer/prompts")).input({ message: "User" })));
  const password = await readPassword(flags.passwordStdin ?? false);

  const client = new Client({ server: settings.server, ...(ca === undefined ? {} : { ca }) });
  try {
    const response = await signIn(client, { username, password }, flags.code);
    response.body.resume();
    const cookie = [response.headers["set-cookie"] ?? []]
      .flat()
      .map((one) => one.split(";")[0])
      .join("; ");
    const token = await client.call("createToken", {
      body: { name: `convirt on ${hostname()}`.slice(0, 64), expiresInDays: flags.days },
      headers: { cookie },
    });
    await client.call("signOut", { headers: { cookie } });
    save({ server: settings.server, token: token.token, tokenId: token.id, ...(ca === undefined ? {} : { ca }) });
    process.stderr.write(
      `Signed in to ${settings.server} as ${token.username} until ${token.expiresAt}; kept in ${settingsPath()}.\n`,
    );
  } finally {
    await client.close();
  }
}
