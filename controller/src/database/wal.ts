// The write-ahead log, where it would stop the one thread that does everything: syncing much of it, and moving it into the database. Node's own threads do the one, and a
// thread with a connection of its own the other, which lives while there is much to move.
import { once } from "node:events";
import { statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Worker } from "node:worker_threads";
import type { OnApplicationShutdown } from "@nestjs/common";
import type { DataSource } from "typeorm";
import { startThread } from "../thread.js";
import type { CheckpointOrder } from "./checkpoint-worker.js";

/** Below this the log is left to grow: moving it costs the same few syncs however little it is. Its file shrinks to this when all of it was moved. */
export const worthMovingBytes = 4 * 1024 * 1024;
/** Above this whoever writes much waits for what is being moved: only when all of it was moved does the log begin anew. */
const muchBytes = 32 * 1024 * 1024;
const idleMs = 30_000;

const logs = new WeakMap<DataSource, WriteAheadLog>();

/** The one of a database; it is also to be had as a provider. */
export function walOf(dataSource: DataSource): WriteAheadLog {
  const known = logs.get(dataSource) ?? new WriteAheadLog(dataSource);
  logs.set(dataSource, known);
  return known;
}

export class WriteAheadLog implements OnApplicationShutdown {
  /** Undefined where the database is in memory alone. */
  readonly #database: string | undefined;
  /** Something was committed that nobody has synced yet. */
  #isBehind = false;
  #file: Promise<FileHandle> | undefined;
  #worker: Worker | undefined;
  #moving: Promise<void> | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(dataSource: DataSource) {
    const { database } = dataSource.options as { database: string };
    this.#database = database === ":memory:" ? undefined : database;
  }

  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** To be called when something was committed without being synced. */
  grew(): void {
    this.#isBehind = this.#database !== undefined;
  }

  /** Resolves when all that was committed before is on the disk, and the log is not too long to go on. Rejects with the disk's own error. */
  async synced(): Promise<void> {
    if (this.#database === undefined) return;
    this.#file ??= open(`${this.#database}-wal`, "r");
    this.#isBehind = false;
    try {
      await (await this.#file).datasync();
    } catch (error) {
      this.#isBehind = true;
      await this.#close();
      throw error;
    }
    const { size = 0 } = statSync(`${this.#database}-wal`, { throwIfNoEntry: false }) ?? {};
    if (size > worthMovingBytes) this.#moving ??= this.#move(this.#database);
    if (size > muchBytes) await this.#moving;
  }

  async onApplicationShutdown(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#worker?.terminate();
    await this.#close();
  }

  /** What could not be opened needs no closing; whoever syncs next opens it anew. */
  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await (await file?.catch(() => undefined))?.close();
  }

  /** Resolves when the thread has moved what it could, or has ended: what is left the database itself moves at its own limit (database.module.ts). */
  async #move(database: string): Promise<void> {
    clearTimeout(this.#idle);
    const worker = this.#started(database);
    const over = new AbortController();
    try {
      const { signal } = over;
      worker.postMessage("move");
      await Promise.race([once(worker, "message", { signal }), once(worker, "exit", { signal })]);
    } catch {
      // The thread has failed, and #started has forgotten it; the next one may not.
    } finally {
      over.abort();
      this.#moving = undefined;
      this.#idle = setTimeout(() => void worker.terminate(), idleMs).unref();
    }
  }

  #started(database: string): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const order: CheckpointOrder = { database };
    const worker = startThread("database/checkpoint-worker", order);
    const forget = () => {
      if (this.#worker === worker) this.#worker = undefined;
    };
    worker.on("error", forget).on("exit", forget).unref();
    this.#worker = worker;
    return worker;
  }
}
