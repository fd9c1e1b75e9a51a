// `convirt`: the controller's API on a terminal, and the image tools that need no controller. This file puts the commands together and turns whatever
// ends one into a sentence on stderr and an exit code.
import { Command, CommanderError, Option } from "commander";
import { auditCommands } from "./commands/audit.js";
import { backupCommands } from "./commands/backup.js";
import { completionCommand } from "./commands/completion.js";
import { hostCommands } from "./commands/host.js";
import { imageCommands } from "./commands/image.js";
import { jobCommands } from "./commands/job.js";
import { loginCommands } from "./commands/login.js";
import { provisionCommand } from "./commands/provision.js";
import { roleCommands } from "./commands/role.js";
import { sessionCommands } from "./commands/session.js";
import { tagCommands } from "./commands/tag.js";
import { tokenCommands } from "./commands/token.js";
import { userCommands } from "./commands/user.js";
import { vmCommands } from "./commands/vm.js";
import { xlCommands } from "./commands/xl.js";
import { CommandFailed, exitCodes } from "./exit.js";
import { plain, plainJson } from "./output.js";
import { version } from "./version.js";

function program(): Command {
  const convirt = new Command("convirt")
    .description("An image store and provisioning for plain Xen hosts.")
    .version(version)
    .option("--server <url>", "the controller's address")
    .option("--json", "answers for programs")
    .option("--reason <text>", "why; the audit keeps it")
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  loginCommands(convirt);
  imageCommands(convirt);
  hostCommands(convirt);
  provisionCommand(convirt);
  jobCommands(convirt);
  vmCommands(convirt);
  backupCommands(convirt);
  auditCommands(convirt);
  userCommands(convirt);
  roleCommands(convirt);
  tagCommands(convirt);
  sessionCommands(convirt);
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
      // Its help lists them among the global ones already.
      for (const flags of ["--json", "--server <url>", "--reason <text>"]) {
        const option = new Option(flags).hideHelp();
        // One has a reason of its own.
        if (!sub.options.some(({ long }) => long === option.long)) sub.addOption(option);
      }
    }
    adoptSettings(sub);
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof CommandFailed) {
    if (process.argv.includes("--json") && error.body !== undefined) process.stdout.write(`${plainJson(error.body)}\n`);
    else if (error.message !== "") process.stderr.write(`${plain(error.message)}\n`);
    return error.exitCode;
  }
  if (error instanceof Error && error.name === "ExitPromptError") return exitCodes.interrupted;
  if (error instanceof Error && isFileError(error)) {
    process.stderr.write(`${plain(fileSentence(error))}\n`);
    return exitCodes.refused;
  }
  process.stderr.write(
    `This is a fault in convirt itself; please report it.\n${error instanceof Error ? error.stack : String(error)}\n`,
  );
  return exitCodes.internal;
}

function fileSentence({ code = "", path, syscall, message }: NodeJS.ErrnoException): string {
  const why: Record<string, string> = {
    ENOENT: "no such file or directory",
    EEXIST: "it is there already, and is not overwritten",
    EACCES: "you may not",
    EISDIR: "it is a folder",
    ENOTDIR: "a part of its path is no folder",
    ENOSPC: "the file system is full",
  };
  const act = syscall === "open" || syscall === "mkdir" ? syscall : "read";
  return code in why ? `Cannot ${act} ${path}: ${why[code]}.` : message;
}

/** Files that the person named: absent, not readable, there already. */
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
