// The log of one job: a file that the script writes, found again when a later job took its name, and as long for its readers as it may be on this host.
import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import type { Journal } from "../provision/journal.js";
import { readableBytes } from "./runner.js";

export class JobLog {
  readonly #journal: Journal;
  readonly #first: string;
  readonly #logMib: number;

  constructor(journal: Journal, path: string, logMib: number) {
    this.#journal = journal;
    this.#first = path;
    this.#logMib = logMib;
  }

  /** Where it is: an earlier job's was set aside when a later one took its name. */
  get path(): string {
    return this.#journal.get("log-path")?.trim() ?? this.#first;
  }

  /** Never gets less. */
  get bytes(): number {
    return this.#size().bytes;
  }

  /** At its limit and closed by the mark: nothing is added any more. */
  get isCut(): boolean {
    return this.#size().isCut;
  }

  #size(): { bytes: number; isCut: boolean } {
    const size = statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
    return readableBytes(this.#journal.folder, size, this.#logMib);
  }

  /** SHA-256 of the first `bytes`: a child that the script left behind may still write. */
  async digest(bytes: number): Promise<string> {
    const hash = createHash("sha256");
    if (bytes > 0) {
      for await (const chunk of createReadStream(this.path, { end: bytes - 1, highWaterMark: 1024 * 1024 }))
        hash.update(chunk as Buffer);
    }
    return hash.digest("hex");
  }
}
