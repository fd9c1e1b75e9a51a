import type { Command } from "commander";
import { secretFile } from "../assignment.js";
import { withContext } from "../context.js";
import { CommandFailed, exitCodes } from "../exit.js";
import { plain } from "../output.js";
import { type ListFlags, listOptions, listQuery, moreLine } from "../paging.js";
import { watchJob } from "../progress.js";
import { cancelText, cleanText, jobTable, jobText } from "./job-text.js";

interface RetryFlags {
  follow: boolean;
  secretImage?: Record<string, string>;
  secretVm?: Record<string, string>;
}

export function jobCommands(program: Command): void {
  const job = program.command("job").description("provision jobs: list, show, follow, cancel, clean, retry");

  listOptions(job.command("list").description("list jobs, the newest first"), "-createdAt")
    .option("--status <status>", "queued, running, cancelling, succeeded, failed, cancelled or lost")
    .option("--host <host>")
    .option("--image <image>")
    .option("--vm <vm>")
    .action((flags: ListFlags & Record<string, string>, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const { status, host, image, vm } = flags;
        const jobs = await client.call("listJobs", { query: { ...listQuery(flags), status, host, image, vm } });
        show(jobs, (answer) =>
          answer.items.length === 0
            ? "No jobs. Make one: convirt provision IMAGE --host HOST --name VM"
            : jobTable(answer.items) + moreLine(answer),
        );
      }),
    );

  job
    .command("show <id>")
    .description("one job: phases, proof, what it left behind")
    .action((id: string, _flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) => show(await client.call("showJob", { params: { id } }), jobText)),
    );

  job
    .command("logs <id>")
    .description("the script's output; -f follows it until the job ends")
    .option("-f, --follow", "go on until the job has ended; exits 1 when it did not succeed")
    .option("--offset <bytes>", "start at this byte", "0")
    .action((id: string, flags: { follow?: boolean; offset: string }, command: Command) =>
      withContext(command, async (context) => {
        if (flags.follow) return watchJob(context, id, { quietPhases: true });
        const response = await context.client.open("readLog", { params: { id }, query: { offset: flags.offset } });
        // The log as it is, byte for byte, when a program reads it; harmless when a person does.
        for await (const chunk of response.body)
          await write(process.stdout.isTTY ? plain(Buffer.from(chunk).toString("utf8")) : chunk);
      }),
    );

  job
    .command("cancel <id>")
    .description("stop a job; says which of three things came of it")
    .action((id: string, _flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const answer = await client.call("cancelJob", { params: { id } });
        show(answer, cancelText);
        if (answer.outcome === "too_late") throw new CommandFailed(exitCodes.refused, "");
      }),
    );

  job
    .command("clean <id>")
    .description("clean what a job left on its host; never what was there before it")
    .action((id: string, _flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const answer = await client.call("cleanJob", { params: { id } });
        show(answer, cleanText);
        if (answer.kept.length > 0) throw new CommandFailed(exitCodes.refused, "");
      }),
    );

  retryCommand(job);
}

function retryCommand(job: Command): void {
  job
    .command("retry <id>")
    .description("a new job with the same request; secret values are not kept, and given again")
    .addOption(secretFile("--secret-image <name=file>", "a secret value for an option of image.conf, from a file"))
    .addOption(secretFile("--secret-vm <name=file>", "the same for vm_conf.template"))
    .option("--no-follow", "do not wait for its end")
    .action((id: string, flags: RetryFlags, command: Command) =>
      withContext(command, async (context) => {
        const body = { imageConf: flags.secretImage ?? {}, vmConf: flags.secretVm ?? {} };
        const made = await context.client.call("retryJob", { params: { id }, body });
        if (!flags.follow) return context.show(made, (answer) => `Job ${answer.id} is ${answer.status}.`);
        await watchJob(context, made.id);
      }),
    );
}

async function write(chunk: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once("drain", resolve));
}
