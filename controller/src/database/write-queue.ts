// One writer at a time. The SQLite driver has one connection, on which a second transaction would become a savepoint within the first, and
// a rollback of the one would undo the other. Whoever opens a transaction stands in this queue.
import type { DataSource, EntityManager } from "typeorm";

const tails = new WeakMap<DataSource, Promise<unknown>>();

/** Runs `work` in a transaction of its own, after those that came before it. */
export function inTransaction<T>(dataSource: DataSource, work: (tx: EntityManager) => Promise<T>): Promise<T> {
  const before = tails.get(dataSource) ?? Promise.resolve();
  const mine = before.then(() => dataSource.transaction(work));
  // The queue goes on after a failure; the failure itself is the caller's.
  tails.set(dataSource, mine.then(ignore, ignore));
  return mine;
}

function ignore(): void {}
