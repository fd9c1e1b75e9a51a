import type { DryRunReply, ProvisionBody } from "@convirt/contract/job";
import type { Command } from "commander";
import { assignment, secretFile } from "../assignment.js";
import { withContext } from "../context.js";
import { CommandFailed, exitCodes } from "../exit.js";
import { wholeNumber } from "../number.js";
import { plain, size } from "../output.js";
import { watchJob } from "../progress.js";
import { diagnosticLines } from "./diagnostics.js";

interface Flags {
  host: string;
  name: string;
  setImage?: ProvisionBody["imageConf"];
  setVm?: ProvisionBody["vmConf"];
  start?: boolean;
  replaceDisks?: boolean;
  cleanOnFailure?: boolean;
  timeout?: number;
  secretImage?: Record<string, string>;
  secretVm?: Record<string, string>;
  reason?: string;
  dryRun?: boolean;
  follow: boolean;
}

export function provisionCommand(program: Command): void {
  program
    .command("provision <image>")
    .description("make a VM from an image on a host; shows the script's output as it comes")
    .requiredOption("--host <host>", "the host to make it on")
    .requiredOption("--name <vm>", "the VM's name")
    .addOption(assignment("--set-image <name=value>", "a value for an option of image.conf"))
    .addOption(assignment("--set-vm <name=value>", "a value for an option of vm_conf.template"))
    .addOption(secretFile("--secret-image <name=file>", "a secret value for an option of image.conf, from a file"))
    .addOption(secretFile("--secret-vm <name=file>", "the same for vm_conf.template"))
    .option("--start", "start the VM when it is proven")
    .option("--replace-disks", "disks that exist already may be overwritten")
    .option("--clean-on-failure", "when it does not succeed, clean what it left on the host at once")
    .addOption(wholeNumber("--timeout <seconds>", "end the script after this long", [1, 86_400]))
    .option("--reason <text>", "why, for the record")
    .option("--dry-run", "show what would happen; nothing is written anywhere")
    .option("--no-follow", "do not wait for the job's end")
    .action((image: string, flags: Flags, command: Command) =>
      withContext(command, async (context) => {
        const body = requestBody(image, flags);
        if (flags.dryRun) {
          const answer = await context.client.call("dryRun", { body });
          context.show(answer, dryRunText);
          if (!answer.accepted) throw new CommandFailed(exitCodes.refused, "");
          return;
        }
        const job = await context.client.call("provision", { body });
        if (!flags.follow)
          return context.show(
            job,
            (made) => `Job ${made.id} is ${made.status}. Follow it: convirt job logs -f ${made.id}`,
          );
        if (!context.json) process.stderr.write(`Job ${job.id}\n`);
        await watchJob(context, job.id);
      }),
    );
}

function requestBody(image: string, flags: Flags): Partial<ProvisionBody> {
  return {
    image,
    host: flags.host,
    vm: flags.name,
    imageConf: { ...flags.setImage, ...flags.secretImage },
    vmConf: { ...flags.setVm, ...flags.secretVm },
    start: flags.start ?? false,
    replaceDisks: flags.replaceDisks ?? false,
    cleanOnFailure: flags.cleanOnFailure ?? false,
    ...(flags.timeout === undefined ? {} : { timeoutSeconds: flags.timeout }),
    ...(flags.reason === undefined ? {} : { reason: flags.reason }),
  };
}

function dryRunText(answer: DryRunReply): string {
  const lines: string[] = [];
  for (const file of answer.files) {
    lines.push(
      `--- ${file.path}`,
      ...file.text
        .trimEnd()
        .split("\n")
        .map((line) => `  ${line}`),
    );
    if (file.diff !== "")
      lines.push(
        "  changes to the image's template:",
        ...file.diff
          .trimEnd()
          .split("\n")
          .map((line) => `    ${line}`),
      );
    lines.push("");
  }
  lines.push(
    answer.bytesToStage === 0 ? "Everything is staged on the host." : `${size(answer.bytesToStage)} to stage.`,
  );
  lines.push(...diagnosticLines(answer.diagnostics));
  for (const refusal of answer.refusals) lines.push(`refused: ${refusal.message} [${refusal.code}]`);
  lines.push(
    answer.accepted ? "The host would take it. Nothing was written." : "It would be refused. Nothing was written.",
  );
  return lines.map(plain).join("\n");
}
