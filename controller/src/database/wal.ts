// The write-ahead log, where it would stop the one thread that does everything: syncing much of it, and moving it into the database. Node's own threads do the one, and a
// thread with a connection of its own the other, which lives while there is much to move.
import { statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Worker } from "node:worker_threads";
import { Injectable, type OnApplicationShutdown } from "@nestjs/common";
import { DataSource } from "typeorm";
import { startThread } from "../thread.js";
import type { CheckpointNews, CheckpointOrder } from "./checkpoint-worker.js";

/** Below this the log is left to grow: moving it costs the same few syncs however little it is. */
const worthMovingBytes = 4 * 1024 * 1024;
const idleMs = 30_000;

@Injectable()
export class WriteAheadLog implements OnApplicationShutdown {
  /** Undefined where the database is in memory alone. */
  readonly #database: string | undefined;
  #file: Promise<FileHandle> | undefined;
  #worker: Worker | undefined;
  #isMoving = false;
  #idle: NodeJS.Timeout | undefined;

  constructor(dataSource: DataSource) {
    const { database } = dataSource.options as { database: string };
    this.#database = database === ":memory:" ? undefined : database;
  }

  /** Resolves when all that was committed before is on the disk. Rejects with the disk's own error. */
  async synced(): Promise<void> {
    if (this.#database === undefined) return;
    this.#file ??= open(`${this.#database}-wal`, "r");
    try {
      await (await this.#file).datasync();
    } catch (error) {
      this.#file = undefined;
      throw error;
    }
    this.#moveIfMuch();
  }

  async onApplicationShutdown(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#worker?.terminate();
    this.#worker = undefined;
    await (await this.#file?.catch(() => undefined))?.close();
    this.#file = undefined;
  }

  #moveIfMuch(): void {
    if (this.#database === undefined || this.#isMoving) return;
    if ((statSync(`${this.#database}-wal`, { throwIfNoEntry: false })?.size ?? 0) < worthMovingBytes) return;
    this.#isMoving = true;
    clearTimeout(this.#idle);
    this.#worker ??= this.#start(this.#database);
    this.#worker.postMessage("move");
  }

  #start(database: string): Worker {
    const order: CheckpointOrder = { database };
    const worker = startThread("database/checkpoint-worker", order);
    worker.unref();
    const over = () => {
      this.#isMoving = false;
      if (this.#worker === worker) this.#worker = undefined;
    };
    // What it could not move stays in the log, and the database's own limit moves it.
    worker.on("error", over).on("exit", over);
    worker.on("message", (_news: CheckpointNews) => {
      this.#isMoving = false;
      this.#idle = setTimeout(() => void worker.terminate(), idleMs).unref();
    });
    return worker;
  }
}
