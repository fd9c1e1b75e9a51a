// What a job leaves on disk so that nothing is forgotten: its spec, on the disk before anything starts; its events, appended one frame each; and the small files by
// which the agent and the script's runner know of each other. A follower is sent an event only when it is on the disk: after a power cut no sequence goes back.
// A frame that was cut off by a crash at the end of the file is dropped. A disk that is full leaves the journal whole, and room for a job's end was kept aside.
import {
  closeSync,
  existsSync,
  fsync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { type Ended, JobEvent, ProvisionSpec } from "@convirt/proto/provision";
import { diskTrouble, syncFolder, writeDurably, writeSynced } from "../disk/durable.js";

/** An event, and how long the log was when it happened: a follower sends that much of the log before it. */
export interface Entry {
  event: JobEvent;
  logBytes: number;
}

const headerBytes = 12;
/** Given back when the disk is full: as much as a job says of its end, and more than all of its small files. */
const reserve = Buffer.alloc(64 * 1024);

export class Journal {
  readonly folder: string;
  readonly entries: Entry[] = [];
  #file: number | undefined;
  #bytes = 0;
  /** Entries that are on the disk for certain. */
  #synced = 0;
  #syncing: Promise<void> | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** A new job: its folder and spec are on the disk when this returns, or nothing of it is. Throws when the folder is there already. */
  static create(jobsDir: string, spec: ProvisionSpec): Journal {
    const folder = join(jobsDir, spec.jobId);
    // An agent that was killed in this very moment leaves a folder without a spec: nothing of that job ever started.
    if (!existsSync(join(folder, "spec"))) rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { mode: 0o700 });
    try {
      writeFileSync(join(folder, "reserve"), reserve, { mode: 0o600 });
      writeDurably(join(folder, "spec"), ProvisionSpec.encode(spec).finish());
      syncFolder(jobsDir);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
    return new Journal(folder);
  }

  /** A job that is there, with what it was asked for; undefined when its spec never came to the disk, so that nothing of it ever started. */
  static open(folder: string): { journal: Journal; spec: ProvisionSpec } | undefined {
    if (!existsSync(join(folder, "spec"))) return undefined;
    const journal = new Journal(folder);
    journal.#read();
    return { journal, spec: ProvisionSpec.decode(readFileSync(join(folder, "spec"))) };
  }

  /** How the job ended; undefined while it has not. */
  get ended(): Ended | undefined {
    const event = this.entries.at(-1)?.event.event;
    return event?.$case === "ended" ? event.value : undefined;
  }

  /** Throws what a full disk says, and has then changed nothing. */
  append(entry: Entry): void {
    const body = JobEvent.encode(entry.event).finish();
    const frame = Buffer.alloc(headerBytes + body.length);
    frame.writeUInt32BE(body.length, 0);
    frame.writeBigUInt64BE(BigInt(entry.logBytes), 4);
    frame.set(body, headerBytes);
    this.#withReserve(() => this.#write(frame));
    this.entries.push(entry);
  }

  #write(frame: Buffer): void {
    this.#file ??= openSync(join(this.folder, "events"), "a", 0o600);
    try {
      for (let done = 0; done < frame.length; ) done += writeSync(this.#file, frame, done);
    } catch (error) {
      ftruncateSync(this.#file, this.#bytes);
      throw error;
    }
    this.#bytes += frame.length;
  }

  /** Waits until the first `count` entries are on the disk; callers at one time share one write. */
  async synced(count: number): Promise<void> {
    while (this.#synced < count) {
      if (this.#syncing === undefined) {
        const upTo = this.entries.length;
        this.#syncing = this.#sync()
          .then(() => {
            this.#synced = Math.max(this.#synced, upTo);
          })
          .finally(() => {
            this.#syncing = undefined;
          });
      }
      await this.#syncing;
    }
  }

  async #sync(): Promise<void> {
    const file = openSync(join(this.folder, "events"), "r");
    try {
      await new Promise<void>((resolve, reject) =>
        fsync(file, (error) => (error === null ? resolve() : reject(error))),
      );
    } finally {
      closeSync(file);
    }
  }

  /** A small file of the job's, replaced as a whole. */
  put(name: string, text: string): void {
    this.#withReserve(() => {
      writeFileSync(join(this.folder, `${name}.new`), text, { mode: 0o600 });
      renameSync(join(this.folder, `${name}.new`), join(this.folder, name));
    });
  }

  /** Like put(), in this order, and on the disk when it returns: what comes next must not be forgotten. */
  putDurably(files: Readonly<Record<string, string>>): void {
    this.#withReserve(() => {
      for (const [name, text] of Object.entries(files)) writeSynced(join(this.folder, name), text);
      syncFolder(this.folder);
    });
  }

  get(name: string): string | undefined {
    try {
      return readFileSync(join(this.folder, name), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  /** In one step for whoever looks, so that no half of a job is ever found. */
  forget(): void {
    this.close();
    const gone = `${this.folder}.forgotten`;
    renameSync(this.folder, gone);
    rmSync(gone, { recursive: true, force: true });
  }

  #withReserve(write: () => void): void {
    try {
      write();
    } catch (error) {
      const kept = join(this.folder, "reserve");
      if (diskTrouble(error) === undefined || !existsSync(kept)) throw error;
      try {
        rmSync(kept);
      } catch {
        throw error;
      }
      write();
    }
  }

  #read(): void {
    const path = join(this.folder, "events");
    const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    let at = 0;
    while (at + headerBytes <= bytes.length) {
      const length = bytes.readUInt32BE(at);
      const end = at + headerBytes + length;
      if (end > bytes.length) break;
      const event = decoded(bytes.subarray(at + headerBytes, end));
      // After a power cut there may be zeros, or anything, where the end was.
      if (event?.sequence !== BigInt(this.entries.length + 1)) break;
      this.entries.push({ event, logBytes: Number(bytes.readBigUInt64BE(at + 4)) });
      at = end;
    }
    this.#bytes = at;
    // What was cut off is taken away, so that the next frame stands where it can be read.
    if (at < bytes.length) {
      const file = openSync(path, "r+");
      try {
        ftruncateSync(file, at);
      } finally {
        closeSync(file);
      }
    }
  }
}

function decoded(bytes: Uint8Array): JobEvent | undefined {
  try {
    return JobEvent.decode(bytes);
  } catch {
    return undefined;
  }
}
