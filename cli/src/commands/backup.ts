import type { BackupPage } from "@convirt/contract/backup";
import type { Command } from "commander";
import { withContext } from "../context.js";
import { ago, plain, size, table } from "../output.js";
import { type ListFlags, listOptions, listQuery, moreLine } from "../paging.js";

export function backupCommands(program: Command): void {
  const backup = program.command("backup").description("copies of the controller's database: now, list");

  backup
    .command("now")
    .description("copy the database now, and verify the copy")
    .action((_flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) =>
        show(await client.call("makeBackup"), (made) =>
          plain(`${made.name} is made and verified, ${size(made.bytes)}.`),
        ),
      ),
    );

  listOptions(backup.command("list").description("list the copies that are kept, the newest first"), "-takenAt").action(
    (flags: ListFlags, command: Command) =>
      withContext(command, async ({ client, show }) =>
        show(await client.call("listBackups", { query: listQuery(flags) }), listText),
      ),
  );
}

function listText(answer: BackupPage): string {
  const lines = [
    answer.items.length === 0
      ? "No copies yet. Make one: convirt backup now"
      : table(
          ["NAME", "TAKEN", "AGE", "SIZE"],
          answer.items.map((one) => [one.name, one.takenAt, ago(one.takenAt), size(one.bytes)]),
        ) + moreLine(answer),
    "",
    plain(`In ${answer.folder} on the controller, kept ${answer.keepDays} days.`),
    answer.nextAt === null ? "None is scheduled." : `The next is due at ${answer.nextAt}.`,
  ];
  if (answer.lastFailure !== null)
    lines.push(plain(`The last failure, ${ago(answer.lastFailure.at)}: ${answer.lastFailure.message}`));
  return lines.join("\n");
}
