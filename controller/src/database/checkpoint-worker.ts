// Moves the write-ahead log into the database when it is told to, on a connection of its own. It waits for nobody and nobody waits for it: what is in use stays where it is.
import { parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";

export interface CheckpointOrder {
  database: string;
}

const { database } = workerData as CheckpointOrder;
const connection = new Database(database, { fileMustExist: true });

parentPort?.on("message", () => {
  connection.pragma("wal_checkpoint(PASSIVE)");
  parentPort?.postMessage("moved");
});
