// Lists that are joined in memory with what hosts report: sorted by a whitelisted field, then cut into pages.
import { Refusal } from "../errors/refusal.js";

/** `sort` is a field's name, `-` in front for descending. Throws Refusal bad_request for a field that is not in `fields`. */
export function sortBy<T>(items: readonly T[], sort: string, fields: readonly (keyof T & string)[]): T[] {
  const descending = sort.startsWith("-");
  const name = descending ? sort.slice(1) : sort;
  const field = fields.find((one) => one === name);
  if (field === undefined)
    throw new Refusal("bad_request", `Cannot sort by "${name.slice(0, 64)}": the fields are ${fields.join(", ")}`);
  const sign = descending ? -1 : 1;
  return [...items].sort((a, b) => sign * compare(a[field], b[field]));
}

/** Nothing stands behind everything; numbers by size, the rest as text. */
function compare(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a) < String(b) ? -1 : 1;
}

/** Whether `text` holds `part`, however either is capitalised; no part is held by all. */
export function holds(text: string, part: string | undefined): boolean {
  return part === undefined || text.toLowerCase().includes(part.toLowerCase());
}

export function pageOf<T>(
  items: readonly T[],
  { page, perPage }: { page: number; perPage: number },
): { items: T[]; total: number; page: number; perPage: number } {
  return { items: items.slice((page - 1) * perPage, page * perPage), total: items.length, page, perPage };
}
