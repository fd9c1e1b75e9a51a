// One writer at a time. The SQLite driver has one connection, on which a second transaction would become a savepoint within the first, and
// a rollback of the one would undo the other. Whoever opens a transaction stands in this queue.
import type { DataSource, EntityManager, QueryRunner } from "typeorm";
import { walOf } from "./wal.js";

const tails = new WeakMap<DataSource, Promise<unknown>>();

/** Runs `work` in a transaction of its own, after those that came before it. It is on the disk when this resolves. */
export function inTransaction<T>(dataSource: DataSource, work: (tx: EntityManager) => Promise<T>): Promise<T> {
  return inTurn(dataSource, () => transaction(dataSource, work));
}

/**
 * The same, but only the system has it when this resolves: it outlives the process, not a power cut, until the write-ahead log is synced behind it (wal.ts). For
 * what is heard anew when it is lost, and for whoever waits for the log by himself, so that nobody else must.
 */
export function inUnsyncedTransaction<T>(dataSource: DataSource, work: (tx: EntityManager) => Promise<T>): Promise<T> {
  return inTurn(dataSource, () => transaction(dataSource, work, "NORMAL"));
}

/** Reads what is stored for good: on the one connection, a reading within another's transaction would see what may yet be undone. */
export function readStored<T>(dataSource: DataSource, read: (manager: EntityManager) => Promise<T>): Promise<T> {
  return inTurn(dataSource, () => read(dataSource.manager));
}

function inTurn<T>(dataSource: DataSource, work: () => Promise<T>): Promise<T> {
  const before = tails.get(dataSource) ?? Promise.resolve();
  const mine = before.then(work);
  // The queue goes on after a failure; the failure itself is the caller's.
  tails.set(dataSource, mine.then(ignore, ignore));
  return mine;
}

async function transaction<T>(
  dataSource: DataSource,
  work: (tx: EntityManager) => Promise<T>,
  synchronous: "FULL" | "NORMAL" = "FULL",
): Promise<T> {
  const wal = walOf(dataSource);
  // The commit itself stops everything while it syncs, and so is to find little that waits for it.
  if (synchronous === "FULL" && wal.isBehind) await wal.synced();
  const runner = dataSource.createQueryRunner();
  try {
    if (synchronous !== "FULL") await runner.query(`PRAGMA synchronous = ${synchronous}`);
    await runner.startTransaction();
    const result = await work(runner.manager);
    await runner.commitTransaction();
    if (synchronous !== "FULL") wal.grew();
    return result;
  } catch (error) {
    await undo(runner);
    throw error;
  } finally {
    if (synchronous !== "FULL") await runner.query("PRAGMA synchronous = FULL");
    await runner.release();
  }
}

/**
 * When a disk is full, SQLite has undone the transaction by itself and has nothing to roll back. The runner takes that for a transaction that is
 * still open, and would make a savepoint of the next one, whose commit is none. It is told how things stand.
 */
async function undo(runner: QueryRunner): Promise<void> {
  try {
    await runner.rollbackTransaction();
  } catch {
    Object.assign(runner, { isTransactionActive: false, transactionDepth: 0 });
  }
}

function ignore(): void {}
