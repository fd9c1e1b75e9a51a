// Lists: sorted by a whitelisted field, then cut into pages. What may be long is sorted and cut by the database; short ones, and what is joined with what hosts
// report, in memory.
import { Raw } from "typeorm";
import { Refusal } from "../errors/refusal.js";

/** How to sort in SQL. Nothing stands behind everything, whichever the database; turned round, before everything. */
export interface Order<F extends string> {
  field: F;
  direction: "ASC" | "DESC";
  nulls: "NULLS FIRST" | "NULLS LAST";
}

/** `sort` is a field's name, `-` in front for descending. Throws Refusal bad_request for a field that is not in `fields`. */
export function orderOf<F extends string>(sort: string, fields: readonly F[]): Order<F> {
  const descending = sort.startsWith("-");
  const name = descending ? sort.slice(1) : sort;
  const field = fields.find((one) => one === name);
  if (field === undefined)
    throw new Refusal("bad_request", `Cannot sort by "${name.slice(0, 64)}": the fields are ${fields.join(", ")}`);
  return descending
    ? { field, direction: "DESC", nulls: "NULLS FIRST" }
    : { field, direction: "ASC", nulls: "NULLS LAST" };
}

/** The same in memory. */
export function sortBy<T>(items: readonly T[], sort: string, fields: readonly (keyof T & string)[]): T[] {
  const { field, direction } = orderOf(sort, fields);
  const sign = direction === "DESC" ? -1 : 1;
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

/** The same as a condition of a query. */
export function holding(part: string): ReturnType<typeof Raw<string>> {
  const pattern = `%${literal(part.toLowerCase())}%`;
  return Raw((column) => `LOWER(${column}) LIKE :holding ESCAPE '!'`, { holding: pattern });
}

/** Text in which LIKE, told that `!` escapes, finds nothing but the text. */
export function literal(text: string): string {
  return text.replace(/[!%_]/g, "!$&");
}

/**
 * Which rows of a query make a page. What lies behind the middle is counted from the end, in the opposite order: a database comes to a row by passing all before it.
 */
export function rowsOf(
  { page, perPage }: { page: number; perPage: number },
  total: number,
): { offset: number; limit: number; fromEnd: boolean } {
  const first = (page - 1) * perPage;
  const limit = Math.max(0, Math.min(perPage, total - first));
  return first > total / 2
    ? { offset: Math.max(0, total - first - limit), limit, fromEnd: true }
    : { offset: first, limit, fromEnd: false };
}

export function pageOf<T>(
  items: readonly T[],
  { page, perPage }: { page: number; perPage: number },
): { items: T[]; total: number; page: number; perPage: number } {
  return { items: items.slice((page - 1) * perPage, page * perPage), total: items.length, page, perPage };
}
