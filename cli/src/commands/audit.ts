import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { type AuditView, auditView, firstPreviousHash } from "@convirt/contract/audit";
import { AuditChain } from "@convirt/contract/audit-chain";
import type { Command } from "commander";
import { type Context, withContext } from "../context.js";
import { CommandFailed, exitCodes } from "../exit.js";
import { table } from "../output.js";
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
    .option("--before <file>", "an export of before a pruning: what is there now must go on from it")
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
  before?: string;
  head?: string;
}

type Broken = ReturnType<AuditChain["beginning"]>;

async function verify({ file, before, head }: VerifyFlags, { client, show }: Context): Promise<void> {
  const earlier = before === undefined ? undefined : await checked(createReadStream(before));
  if (earlier !== undefined && earlier.broken !== null) earlier.broken.why += `, in ${before}`;
  const source = file === undefined ? (await client.open("exportAudit")).body : createReadStream(file);
  const chain = earlier?.broken ? undefined : await checked(source, earlier?.hashes);
  const known = [...(earlier?.hashes.values() ?? []), ...(chain?.hashes.values() ?? [])];
  const broken =
    earlier?.broken ??
    chain?.broken ??
    (head === undefined || head === firstPreviousHash || known.includes(head)
      ? null
      : { number: (chain?.last ?? 0) + 1, why: "the record with the hash that you noted down is not among them" });
  const { records = 0, first = 1, last = 0 } = chain ?? {};
  const answer = { ok: broken === null, records, head: chain?.hashes.get(last) ?? firstPreviousHash, broken };
  show(answer, () =>
    broken === null
      ? `${records} records, each as it was written.${prunedLine(first, before)} The last hash is ${answer.head}.\nNote it down elsewhere: with --head you see whether records were taken from the end.`
      : `Record ${broken.number} is not in order: ${broken.why}.`,
  );
  if (broken !== null) throw new CommandFailed(exitCodes.refused, "");
}

function prunedLine(first: number, before: string | undefined): string {
  if (first === 1) return "";
  const rest =
    before === undefined ? "an export of before can be checked with them, by --before" : `they go on from ${before}`;
  return ` Those before number ${first} were pruned, as a record says; ${rest}.`;
}

interface Checked {
  records: number;
  first: number;
  last: number;
  /** By number. */
  hashes: Map<number, string>;
  broken: Broken;
}

/** `earlier`: the hashes of records that were exported before, by number. */
async function checked(source: Readable, earlier?: ReadonlyMap<number, string>): Promise<Checked> {
  const chain = new AuditChain((text) => createHash("sha256").update(text).digest("hex"));
  const hashes = new Map<number, string>();
  let first = 1;
  const answer = (broken: Broken): Checked => ({
    records: chain.records,
    first,
    last: chain.head?.number ?? 0,
    hashes,
    broken,
  });
  for await (const line of createInterface({ input: source, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line === "") continue;
    const record = parsed(line);
    if (record === undefined) return answer({ number: (chain.head?.number ?? 0) + 1, why: "it is no record" });
    if (chain.records === 0) first = record.number;
    const broken = chain.add(record) ?? differing(record, chain.records === 1, earlier);
    if (broken !== undefined) return answer(broken);
    hashes.set(record.number, record.hash);
  }
  return answer(chain.beginning());
}

/** From what was exported before. */
function differing(
  record: AuditView,
  isFirst: boolean,
  earlier: ReadonlyMap<number, string> | undefined,
): Broken | undefined {
  if (earlier === undefined) return undefined;
  const { number, hash, previousHash } = record;
  if (isFirst && number > 1 && earlier.get(number - 1) !== previousHash)
    return { number, why: "it does not go on from the export of before" };
  if (!earlier.has(number) || earlier.get(number) === hash) return undefined;
  return { number, why: "it is not what the export of before has" };
}

function parsed(line: string): AuditView | undefined {
  try {
    return auditView.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
