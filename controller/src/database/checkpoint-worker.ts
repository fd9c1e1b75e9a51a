// Moves the write-ahead log into the database when it is told to, on a connection of its own. It waits for nobody and nobody waits for it: what is in use stays where it is.
import { parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";

export interface CheckpointOrder {
  database: string;
}
/** Pages that the log held, and of these the ones that are in the database by now. */
export interface CheckpointNews {
  pages: number;
  moved: number;
}

const { database } = workerData as CheckpointOrder;
const connection = new Database(database, { fileMustExist: true });

parentPort?.on("message", () => {
  const [found] = connection.pragma("wal_checkpoint(PASSIVE)") as { log: number; checkpointed: number }[];
  const news: CheckpointNews = { pages: found?.log ?? 0, moved: found?.checkpointed ?? 0 };
  parentPort?.postMessage(news);
});
