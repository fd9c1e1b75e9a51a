// How SQLite would go about the queries of a list: whether by an index that has all it needs, or by reading rows.
import { DataSource } from "typeorm";
import type { TestController } from "./testing.js";

interface Statement {
  sql: string;
  plan: string;
}

/** Of all queries of a table that `work` makes, but those that ask for rows by their keys. */
export async function plansOf(
  controller: TestController,
  table: string,
  work: () => Promise<void>,
): Promise<Statement[]> {
  const database = controller.get(DataSource);
  const asked = new Map<string, unknown[]>();
  const { logQuery } = database.logger;
  database.logger.logQuery = (sql, values) => {
    if (sql.startsWith("SELECT") && sql.includes(`FROM "${table}"`)) asked.set(sql, [...((values as unknown[]) ?? [])]);
  };
  try {
    await work();
  } finally {
    database.logger.logQuery = logQuery;
  }
  const listing = [...asked].filter(([sql]) => !/WHERE \(*"\w+"\."(id|number)" IN/.test(sql));
  return await Promise.all(
    listing.map(async ([sql, values]) => {
      const rows = (await database.query(`EXPLAIN QUERY PLAN ${sql}`, values)) as { detail: string }[];
      return { sql, plan: rows.map(({ detail }) => detail).join("\n") };
    }),
  );
}
