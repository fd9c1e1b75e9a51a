// The options and the last line that every list shares.
import type { Command } from "commander";
import { wholeNumber } from "./number.js";

export function listOptions(command: Command, sort?: string): Command {
  return command
    .addOption(wholeNumber("--page <n>", "which page", [1, 1_000_000]).default(1))
    .addOption(wholeNumber("--per-page <n>", "how many on a page, 1000 at most", [1, 1000]).default(100))
    .option("--sort <field>", "sort by this field; `-field` for descending", sort);
}

export interface ListFlags {
  page: number;
  perPage: number;
  sort?: string;
}

export function listQuery({ page, perPage, sort }: ListFlags): { page: number; perPage: number; sort?: string } {
  return { page, perPage, ...(sort === undefined ? {} : { sort }) };
}

/** Says which part this page is of the whole, when it does not hold all, and where more is. */
export function moreLine(answer: { items: readonly unknown[]; total: number; page: number; perPage: number }): string {
  const before = (answer.page - 1) * answer.perPage;
  const shown = before + answer.items.length;
  if (answer.total <= answer.items.length) return "";
  if (answer.items.length === 0) return `Page ${answer.page} is empty; there are ${answer.total} in all.`;
  const more = shown < answer.total ? `; --page ${answer.page + 1} shows more` : "";
  return `\n${before + 1} to ${shown} of ${answer.total}${more}`;
}
