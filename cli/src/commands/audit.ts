import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { type AuditView, auditText, auditView, firstPreviousHash } from "@convirt/contract/audit";
import type { Command } from "commander";
import { type Context, withContext } from "../context.js";
import { CommandFailed, exitCodes } from "../exit.js";
import { plainLine, table } from "../output.js";
import { type ListFlags, listOptions, listQuery, moreLine } from "../paging.js";

export function auditCommands(program: Command): void {
  const audit = program
    .command("audit")
    .description("what was asked, by whom, and what came of it: list, verify, export");

  listOptions(audit.command("list").description("list records, the newest first"), "-number")
    .option("--user <name>", "asked by this user")
    .option("--action <name>", "this act, such as provision, startVm, removeHost")
    .option("--outcome <outcome>", "done, refused or failed")
    .option("--object <object>", 'about this: "host xen1", "vm web", "image Tiny", "job ID", "user ada"')
    .option("--since <time>", "RFC 3339, such as 2026-01-31T00:00:00Z")
    .option("--until <time>", "before this time")
    .option("--text <words>", "whose object, reason, question or message holds this")
    .action((flags: ListFlags & Record<string, string>, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const { user, action, outcome, object, since, until, text } = flags as Record<string, string | undefined>;
        const query = { ...listQuery(flags), user, action, outcome, object, since, until, text };
        show(await client.call("listAudit", { query }), (answer) =>
          answer.items.length === 0 ? "No records." : listText(answer.items) + moreLine(answer),
        );
      }),
    );

  audit
    .command("export")
    .description("write all records to standard output, one JSON object a line, oldest first")
    .action((_flags: unknown, command: Command) =>
      withContext(command, async ({ client }) => {
        const { body } = await client.open("exportAudit");
        for await (const chunk of body) process.stdout.write(chunk as Buffer);
      }),
    );

  audit
    .command("verify")
    .description("compute the chain of hashes again, here, and say whether a record was changed or taken out")
    .option("--file <file>", "an export, in place of the controller's records")
    .option("--head <hash>", "the last hash that you have noted down: it must be among the records")
    .action((flags: VerifyFlags, command: Command) =>
      withContext(command, async (context) => {
        await verify(flags, context);
      }),
    );
}

function listText(items: readonly AuditView[]): string {
  const rows = items.map((one) => [
    ...[one.number, one.at, one.username ?? "-", one.token ?? one.via, one.action, one.objects.join(", ")],
    one.code ?? one.outcome,
    [one.reason, ...one.commands].filter(Boolean).join("; "),
  ]);
  return table(["NO", "AT", "WHO", "BY", "ACT", "ABOUT", "OUTCOME", "REASON AND COMMANDS"], rows);
}

interface VerifyFlags {
  file?: string;
  head?: string;
}

async function verify({ file, head }: VerifyFlags, { client, show }: Context): Promise<void> {
  const source = file === undefined ? (await client.open("exportAudit")).body : createReadStream(file);
  const chain = await checked(source);
  const broken =
    chain.broken ??
    (head === undefined || head === firstPreviousHash || chain.hashes.has(head)
      ? null
      : { number: chain.records + 1, why: "the record with the hash that you noted down is not among them" });
  const answer = { ok: broken === null, records: chain.records, head: chain.head, broken };
  show(answer, () =>
    broken === null
      ? `${answer.records} records, each as it was written. The last hash is ${answer.head}.\nNote it down elsewhere: with --head you see whether records were taken from the end.`
      : `Record ${broken.number} is not in order: ${broken.why}.`,
  );
  if (broken !== null) throw new CommandFailed(exitCodes.refused, "");
}

interface Chain {
  records: number;
  head: string;
  hashes: Set<string>;
  broken: { number: number; why: string } | null;
}

async function checked(source: Readable): Promise<Chain> {
  const chain: Chain = { records: 0, head: firstPreviousHash, hashes: new Set(), broken: null };
  for await (const line of createInterface({ input: source, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line === "") continue;
    const number = chain.records + 1;
    const record = parsed(line);
    const why = record === undefined ? "it is no record" : faultOf(record, number, chain.head);
    if (why !== undefined) return { ...chain, broken: { number, why } };
    chain.records = number;
    chain.head = record?.hash ?? chain.head;
    chain.hashes.add(chain.head);
  }
  return chain;
}

function parsed(line: string): AuditView | undefined {
  try {
    return auditView.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

function faultOf(record: AuditView, number: number, before: string): string | undefined {
  if (record.number !== number) return `record ${record.number} stands in its place`;
  if (record.previousHash !== before) return "it does not follow the record before it";
  const hash = createHash("sha256").update(auditText(record)).digest("hex");
  return hash === record.hash ? undefined : `it is not as it was written (${plainLine(record.action)})`;
}
