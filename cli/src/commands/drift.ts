import type { DriftPage } from "@convirt/contract/drift";
import type { Command } from "commander";
import { withContext } from "../context.js";
import { duration, plain, table } from "../output.js";
import { type ListFlags, listOptions, listQuery, moreLine } from "../paging.js";

const words = {
  domain_without_record: "domain without record",
  record_without_vm: "record without VM",
  job_without_record: "job without record",
} as const;

/** `convirt host drift`. */
export function driftCommand(host: Command): void {
  listOptions(host.command("drift").description("what differs between the records and what hosts report"), "host")
    .option("--host <host>")
    .option("--kind <kind>", "domain_without_record, record_without_vm or job_without_record")
    .action((flags: ListFlags & { host?: string; kind?: string }, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const { host: name, kind } = flags;
        show(await client.call("listDrift", { query: { ...listQuery(flags), host: name, kind } }), driftText);
      }),
    );
}

function driftText(answer: DriftPage): string {
  const lines: string[] = [];
  if (answer.restored !== null)
    lines.push(
      `The database is a copy of ${answer.restored.copyTakenAt}, in use since ${answer.restored.restoredAt}.`,
      "",
    );
  lines.push(
    answer.items.length === 0
      ? "No drift: records and hosts agree, as far as they were compared."
      : table(
          ["HOST", "WHAT", "NAME", "ID", "DETAIL", "SEEN"],
          answer.items.map((one) => [
            one.host,
            words[one.kind],
            one.name,
            one.id,
            one.detail,
            `${duration(one.ageS)} ago`,
          ]),
        ) + moreLine(answer),
  );
  for (const { host, reason } of answer.notCompared) lines.push(plain(`Not compared: ${host}, ${reason}`));
  return lines.join("\n");
}
