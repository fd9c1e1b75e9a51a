// The options and the last line that every list shares.
import type { Command } from "commander";

export function listOptions(command: Command, sort?: string): Command {
  return command
    .option("--page <n>", "which page", "1")
    .option("--per-page <n>", "how many on a page, 1000 at most", "100")
    .option("--sort <field>", "sort by this field; `-field` for descending", sort);
}

export function listQuery(flags: Record<string, string | undefined>): Record<string, string | undefined> {
  return { page: flags["page"], perPage: flags["perPage"], sort: flags["sort"] };
}

/** Says how many more there are, when the page does not hold all. */
export function moreLine(answer: { items: readonly unknown[]; total: number; page: number; perPage: number }): string {
  const before = (answer.page - 1) * answer.perPage;
  const shown = before + answer.items.length;
  return answer.total > answer.items.length
    ? `\n${before + 1} to ${shown} of ${answer.total}; --page ${answer.page + 1} shows more`
    : "";
}
