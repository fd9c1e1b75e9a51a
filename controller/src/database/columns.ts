// Column types that differ between databases, or between SQL and the code; the only ones that an entity may use beside varchar, text, boolean, integer, bigint
// and simple-json.
import type { ColumnOptions } from "typeorm";

/** A moment, kept as RFC 3339 in UTC with milliseconds, so that it sorts as text in every database. */
export const instantColumn: ColumnOptions = { type: "varchar", length: 24 };

/** Bytes. SQLite's name for them; the connection to PostgreSQL would say `bytea`. */
export const bytesColumn: ColumnOptions = { type: "blob" };

export function now(): string {
  return new Date().toISOString();
}
