// `convirt`: the controller's API on a terminal, and the image tools that need no controller. This file puts the commands together and turns whatever
// ends one into a sentence on stderr and an exit code.
import { Command, CommanderError } from "commander";
import { completionCommand } from "./commands/completion.js";
import { hostCommands } from "./commands/host.js";
import { imageCommands } from "./commands/image.js";
import { jobCommands } from "./commands/job.js";
import { loginCommands } from "./commands/login.js";
import { provisionCommand } from "./commands/provision.js";
import { tokenCommands } from "./commands/token.js";
import { vmCommands } from "./commands/vm.js";
import { xlCommands } from "./commands/xl.js";
import { CommandFailed, exitCodes } from "./exit.js";
import { plain } from "./output.js";
import { version } from "./version.js";

function program(): Command {
  const convirt = new Command("convirt")
    .description("An image store and provisioning for plain Xen hosts.")
    .version(version)
    .option("--server <url>", "the controller's address")
    .option("--json", "answers for programs")
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  loginCommands(convirt);
  imageCommands(convirt);
  hostCommands(convirt);
  provisionCommand(convirt);
  jobCommands(convirt);
  vmCommands(convirt);
  tokenCommands(convirt);
  xlCommands(convirt);
  completionCommand(convirt);
  adoptSettings(convirt);
  return convirt;
}

/** Global options are good behind a command too, and usage errors end every command in the same way. */
function adoptSettings(command: Command): void {
  for (const sub of command.commands) {
    sub.copyInheritedSettings(command);
    if (sub.commands.length === 0) {
      if (!sub.options.some((option) => option.long === "--json")) sub.option("--json", "answers for programs");
      if (!sub.options.some((option) => option.long === "--server"))
        sub.option("--server <url>", "the controller's address");
    }
    adoptSettings(sub);
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof CommandFailed) {
    if (process.argv.includes("--json") && error.body !== undefined)
      process.stdout.write(`${JSON.stringify(error.body, null, 2)}\n`);
    else if (error.message !== "") process.stderr.write(`${plain(error.message)}\n`);
    return error.exitCode;
  }
  if (error instanceof Error && error.name === "ExitPromptError") return exitCodes.interrupted;
  if (error instanceof Error && isFileError(error)) {
    process.stderr.write(`${plain(error.message)}\n`);
    return exitCodes.refused;
  }
  process.stderr.write(
    `This is a fault in convirt itself; please report it.\n${error instanceof Error ? error.stack : String(error)}\n`,
  );
  return exitCodes.internal;
}

/** Files that the person named: absent, not readable, there already. The system's sentence names the act and the path. */
function isFileError(error: NodeJS.ErrnoException): boolean {
  return error.path !== undefined && error.syscall !== undefined;
}

// A reader such as `head` may go before we are done; that is its right, and no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCodes.ok);
  throw error;
});

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
