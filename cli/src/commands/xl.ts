import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { CommandFailed, exitCodes } from "../exit.js";
import { diagnosticLines } from "./diagnostics.js";

export function xlCommands(program: Command): void {
  const xl = program.command("xl").description("what Xen's own parsers would say, without a Xen");

  xl.command("check <file>")
    .description("an xl configuration; `-` reads standard input")
    .action(async (file: string, _flags: unknown, command: Command) => {
      const { flattenXlOptions, parseXlConfig } = await import("@convirt/image-format/xl/config");
      const text = readFileSync(file === "-" ? 0 : file, "utf8");
      const verdict = parseXlConfig(text, file);
      const options = verdict.accepted ? flattenXlOptions(verdict.options) : null;
      report(
        { accepted: verdict.accepted, options, diagnostics: verdict.diagnostics },
        command,
        `${file} is a configuration that xl accepts.`,
      );
    });

  xl.command("disk <spec>")
    .description("one entry of `disk`, such as 'file:/vm/a.img,xvda,w'")
    .action(async (spec: string, _flags: unknown, command: Command) => {
      const { parseXlDisk } = await import("@convirt/image-format/xl/disk");
      report(parseXlDisk(spec), command, "xl accepts this disk entry.");
    });
}

interface Verdict {
  options?: Record<string, string> | null;
  disk?: object | null;
  accepted: boolean;
  diagnostics: Parameters<typeof diagnosticLines>[0];
}

function report(verdict: Verdict, command: Command, yes: string): void {
  if (command.optsWithGlobals<{ json?: boolean }>().json) process.stdout.write(`${JSON.stringify(verdict, null, 2)}\n`);
  else
    process.stdout.write(
      `${[...diagnosticLines(verdict.diagnostics), ...(verdict.accepted ? [yes] : [])].join("\n")}\n`,
    );
  if (!verdict.accepted) throw new CommandFailed(exitCodes.refused, "");
}
