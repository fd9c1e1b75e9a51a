// What a job leaves on disk so that nothing is forgotten: its spec, written and synced before anything starts; its events, appended one frame each; and the few
// small files by which the agent and the script's runner know of each other. A frame that was cut off by a crash at the end of the file is dropped.
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { JobEvent, ProvisionSpec } from "@convirt/proto/provision";

/** An event, and how long the log was when it happened: a follower sends that much of the log before it. */
export interface Entry {
  event: JobEvent;
  logBytes: number;
}

const headerBytes = 12;

export class Journal {
  readonly folder: string;
  readonly entries: Entry[] = [];
  #file: number | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** A new job: its folder and spec are on the disk when this returns. Throws when the folder is there already. */
  static create(jobsDir: string, spec: ProvisionSpec): Journal {
    const folder = join(jobsDir, spec.jobId);
    // An agent that was killed in this very moment leaves a folder without a spec: nothing of that job ever started.
    if (!existsSync(join(folder, "spec"))) rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(join(folder, "spec.new"), ProvisionSpec.encode(spec).finish(), { mode: 0o600, flush: true });
    renameSync(join(folder, "spec.new"), join(folder, "spec"));
    syncFolder(folder);
    syncFolder(jobsDir);
    return new Journal(folder);
  }

  /** A job that is there, with what it was asked for; undefined when its spec never came to the disk, so that nothing of it ever started. */
  static open(folder: string): { journal: Journal; spec: ProvisionSpec } | undefined {
    if (!existsSync(join(folder, "spec"))) return undefined;
    const journal = new Journal(folder);
    journal.#read();
    return { journal, spec: ProvisionSpec.decode(readFileSync(join(folder, "spec"))) };
  }

  append(entry: Entry): void {
    this.entries.push(entry);
    const body = JobEvent.encode(entry.event).finish();
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32BE(body.length, 0);
    header.writeBigUInt64BE(BigInt(entry.logBytes), 4);
    this.#file ??= openSync(join(this.folder, "events"), "a", 0o600);
    writeSync(this.#file, Buffer.concat([header, body]));
  }

  /** A small file of the job's, replaced as a whole. */
  put(name: string, text: string): void {
    writeFileSync(join(this.folder, `${name}.new`), text, { mode: 0o600 });
    renameSync(join(this.folder, `${name}.new`), join(this.folder, name));
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

  forget(): void {
    this.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #read(): void {
    const path = join(this.folder, "events");
    const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    let at = 0;
    while (at + headerBytes <= bytes.length) {
      const length = bytes.readUInt32BE(at);
      const end = at + headerBytes + length;
      if (end > bytes.length) break;
      this.entries.push({
        event: JobEvent.decode(bytes.subarray(at + headerBytes, end)),
        logBytes: Number(bytes.readBigUInt64BE(at + 4)),
      });
      at = end;
    }
    // What was cut off is taken away, so that the next frame stands where it can be read.
    if (at < bytes.length) writeFileSync(path, bytes.subarray(0, at));
  }
}

function syncFolder(folder: string): void {
  const file = openSync(folder, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
