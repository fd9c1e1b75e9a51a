// Copies of the database: each night, and when somebody asks. A copy is whole and verified, or it is not there. Old ones are removed after a new
// one has succeeded, and never the newest three, whatever the clock says.
import { mkdirSync, readdirSync, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { BackupPage, BackupView } from "@convirt/contract/backup";
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from "@nestjs/common";
import { type ScheduledTask, schedule } from "node-cron";
import { DataSource } from "typeorm";
import { CONFIG, type Config } from "../config/config.js";
import { pageOf, sortBy } from "../database/paging.js";
import { storageRefusal } from "../database/storage-error.js";
import { Refusal } from "../errors/refusal.js";
import { startThread } from "../thread.js";
import type { CopyNews, CopyOrder } from "./copy-worker.js";

const namePattern = /^convirt-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z\.db$/;
const partialSuffix = ".partial";
const alwaysKept = 3;
const dayMs = 86_400_000;
/** A copy that takes longer is given up; nobody else waits for it meanwhile. */
const copyMs = 60 * 60_000;

@Injectable()
export class BackupsService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger("backups");
  private readonly listeners = new Set<() => void>();
  private task: ScheduledTask | undefined;
  private underWay: Promise<BackupView> | undefined;
  private readonly stopping = new AbortController();
  /** Since the start. */
  failures = 0;
  lastFailure: { at: string; message: string } | null = null;

  constructor(
    private readonly dataSource: DataSource,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    const { schedule: when } = this.config.backup;
    // A failure is logged, counted and shown by `make`.
    if (when !== "")
      this.task = schedule(when, () => this.make("the schedule").then(ignore, ignore), { noOverlap: true });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.task?.destroy();
    this.stopping.abort(new Error("the controller stops"));
    await this.underWay?.then(ignore, ignore);
  }

  get folder(): string {
    return this.config.backup.dir || join(this.config.data_dir, "backups");
  }

  /** True when copies are taken by themselves. */
  get isScheduled(): boolean {
    return this.task !== undefined;
  }

  /** Told after each copy. */
  onCopy(listener: () => void): void {
    this.listeners.add(listener);
  }

  /** The copies that are there, the newest first. */
  all(): BackupView[] {
    return this.names()
      .map((name) => ({ name, takenAt: takenAtOf(name), bytes: statSync(join(this.folder, name)).size }))
      .sort((a, b) => (a.takenAt < b.takenAt ? 1 : -1));
  }

  list(query: { page: number; perPage: number; sort?: string | undefined }): BackupPage {
    const sorted = sortBy(this.all(), query.sort ?? "-takenAt", ["name", "takenAt", "bytes"]);
    const { folder, lastFailure } = this;
    const nextAt = this.task?.getNextRun()?.toISOString() ?? null;
    return { ...pageOf(sorted, query), folder, keepDays: this.config.backup.keep_days, nextAt, lastFailure };
  }

  /** Copies now; whoever asks while a copy is made gets that one. Throws Refusal storage_full, storage_unwritable, backup_failed. */
  make(by: string): Promise<BackupView> {
    this.underWay ??= this.attempt(by).finally(() => {
      this.underWay = undefined;
    });
    return this.underWay;
  }

  private async attempt(by: string): Promise<BackupView> {
    const began = performance.now();
    const takenAt = new Date().toISOString();
    const name = `convirt-${takenAt.replaceAll(/[-:.]/g, "")}.db`;
    const path = join(this.folder, name);
    const partial = `${path}${partialSuffix}`;
    try {
      this.prepare();
    } catch (error) {
      throw this.failed(error, by);
    }
    try {
      await this.copy({ database: this.database(), partial, path, takenAt });
      const { size: bytes } = statSync(path);
      this.log.log({ msg: "database copied", name, bytes, tookMs: Math.round(performance.now() - began), by });
      this.removeOld();
      for (const listener of this.listeners) listener();
      return { name, takenAt, bytes };
    } catch (error) {
      rmSync(partial, { force: true });
      throw this.failed(error, by);
    }
  }

  private failed(error: unknown, by: string): Refusal {
    const refusal = asRefusal(error, this.folder);
    this.failures += 1;
    this.lastFailure = { at: new Date().toISOString(), message: refusal.message };
    this.log.error({ msg: "the database could not be copied", by, folder: this.folder, err: error });
    return refusal;
  }

  private database(): string {
    const { database } = this.dataSource.options as { database: string };
    if (database === ":memory:") throw new Error("the database is in memory alone");
    return database;
  }

  /** A folder for root's or the controller's eyes alone, with room enough, and without what a copy that was cut off has left. */
  private prepare(): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.folder))
      if (name.endsWith(`.db${partialSuffix}`)) rmSync(join(this.folder, name), { force: true });
    const wanted = statSync(this.database()).size;
    const { bavail, bsize } = statfsSync(this.folder);
    if (bavail * bsize < wanted)
      throw Object.assign(new Error(`${bavail * bsize} bytes are free, ${wanted} are needed`), { code: "ENOSPC" });
  }

  private async copy(order: CopyOrder): Promise<void> {
    const worker = startThread("backups/copy-worker", order);
    const { signal } = this.stopping;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`the copy took longer than ${copyMs / 60_000} minutes`)), copyMs);
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        worker.once("error", reject);
        worker.once("exit", () => reject(new Error("the copying thread ended without a word")));
        worker.once("message", (news: CopyNews) => {
          if (news.kind === "done") resolve();
          else reject(Object.assign(new Error(news.message), { code: news.code }));
        });
      });
    } finally {
      clearTimeout(timer);
      await worker.terminate();
    }
  }

  private removeOld(): void {
    const oldest = new Date(Date.now() - this.config.backup.keep_days * dayMs).toISOString();
    for (const { name, takenAt } of this.all().slice(alwaysKept)) {
      if (takenAt >= oldest) continue;
      rmSync(join(this.folder, name), { force: true });
      this.log.log({ msg: "old copy of the database removed", name });
    }
  }

  private names(): string[] {
    try {
      return readdirSync(this.folder).filter((name) => namePattern.test(name));
    } catch (error) {
      // Not made yet, or something else stands in its place: the next copy says so.
      if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
      throw error;
    }
  }
}

function takenAtOf(name: string): string {
  return name.replace(namePattern, "$1-$2-$3T$4:$5:$6.$7Z");
}

function asRefusal(error: unknown, folder: string): Refusal {
  const found = error instanceof Error ? error.message : String(error);
  const storage = storageRefusal(error);
  if (storage !== undefined) return new Refusal(storage.code, `Cannot copy the database to ${folder}: ${found}`);
  return new Refusal("backup_failed", `Cannot copy the database to ${folder}: ${found}`);
}

function ignore(): void {}
