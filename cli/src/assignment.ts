import { readFileSync } from "node:fs";
import { Option } from "commander";
import { CommandFailed, exitCodes } from "./exit.js";

/** `--x NAME=VALUE`, any number of times: JSON where it reads as JSON that is not text, text otherwise. */
export function assignment(flags: string, description: string): Option {
  return new Option(flags, `${description}; may be given again and again`).argParser(
    (text: string, before: Record<string, unknown> | undefined) => {
      const at = text.indexOf("=");
      if (at < 1) throw new CommandFailed(exitCodes.usage, `Cannot read "${text}": it must be NAME=VALUE.`);
      return { ...before, [text.slice(0, at)]: readValue(text.slice(at + 1)) };
    },
  );
}

/** Lists and mappings are written as JSON; everything else is text, which the option's own type reads (so `512` sets a number where one is wanted). */
function readValue(text: string): unknown {
  if (!/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** `--x NAME=FILE`, any number of times: the file's text is the value, so that no list of processes shows it. One newline at its end is the editor's, and goes. */
export function secretFile(flags: string, description: string): Option {
  return new Option(flags, `${description}; may be given again and again`).argParser(
    (text: string, before: Record<string, string> | undefined) => {
      const at = text.indexOf("=");
      if (at < 1) throw new CommandFailed(exitCodes.usage, `Cannot read "${text}": it must be NAME=FILE.`);
      return { ...before, [text.slice(0, at)]: readFileSync(text.slice(at + 1), "utf8").replace(/\r?\n$/, "") };
    },
  );
}
