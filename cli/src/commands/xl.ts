import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { CommandFailed, exitCodes } from "../exit.js";
import { plainJson } from "../output.js";
import { diagnosticLines } from "./diagnostics.js";

export function xlCommands(program: Command): void {
  const xl = program.command("xl").description("what Xen's own parsers would say, without a Xen");

  xl.command("check <file>")
    .description("an xl configuration; `-` reads standard input")
    .action(async (file: string, _flags: unknown, command: Command) => {
      const { flattenXlOptions, parseXlConfig } = await import("@convirt/image-format/xl/config");
      const bytes = readFileSync(file === "-" ? 0 : file);
      const verdict = parseXlConfig(bytes.toString("utf8"), file);
      const options = verdict.accepted ? flattenXlOptions(verdict.options) : null;
      report(
        { accepted: verdict.accepted, options, diagnostics: [...verdict.diagnostics, ...notUtf8(bytes, file)] },
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

/** xl reads bytes, whatever they mean; what we print of them is text. Says where the first is that is none. */
function notUtf8(bytes: Buffer, file: string): Verdict["diagnostics"] {
  if (isUtf8(bytes)) return [];
  let line = 1;
  let column = 1;
  let at = 0;
  for (const character of bytes.toString("utf8")) {
    const length = Buffer.byteLength(character);
    // One that stands in the file itself is as good as any other.
    if (character === "\ufffd" && !bytes.subarray(at, at + length).equals(Buffer.from(character))) break;
    at += length;
    column = character === "\n" ? 1 : column + 1;
    if (character === "\n") line += 1;
  }
  const byte = `0x${(bytes[at] ?? 0).toString(16).padStart(2, "0")}`;
  return [
    {
      ...{ file, line, column, severity: "warning", code: "not_utf8" },
      message: `The byte ${byte} is not UTF-8: xl takes it as it is, and what is shown here has U+FFFD in its place`,
      advice: "Save the file as UTF-8",
    },
  ];
}

interface Verdict {
  options?: Record<string, string> | null;
  disk?: object | null;
  accepted: boolean;
  diagnostics: Parameters<typeof diagnosticLines>[0];
}

function report(verdict: Verdict, command: Command, yes: string): void {
  if (command.optsWithGlobals<{ json?: boolean }>().json) process.stdout.write(`${plainJson(verdict)}\n`);
  else
    process.stdout.write(
      `${[...diagnosticLines(verdict.diagnostics), ...(verdict.accepted ? [yes] : [])].join("\n")}\n`,
    );
  if (!verdict.accepted) throw new CommandFailed(exitCodes.refused, "");
}
