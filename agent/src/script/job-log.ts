// The log of one job: a file that the script writes, found again when a later job took its name, and as long for its readers as it may be on this host.
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Journal } from "../provision/journal.js";
import { readableBytes } from "./log-limit.js";
import type { Redactor } from "./redactor.js";

const digestBytes = 1024 * 1024;

interface Piece {
  offset: number;
  most: number;
  size: number;
  isWhole: boolean;
}

export class JobLog {
  readonly #journal: Journal;
  readonly #first: string;
  readonly #logMib: number;
  readonly #redactor: Redactor | undefined;

  /** `redactor` hides the job's secrets in all that is read here. */
  constructor(journal: Journal, path: string, logMib: number, redactor?: Redactor) {
    this.#redactor = redactor;
    this.#journal = journal;
    this.#first = path;
    this.#logMib = logMib;
  }

  /** Where it is: that of a job which has ended was set aside when a later one took its name. */
  get path(): string {
    if (this.#journal.ended === undefined) return this.#first;
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

  /**
   * Up to `most` bytes from `offset`, of the first `size`; fewer while the end may be the beginning of a secret of which more is yet to come, unless it `isWhole`.
   */
  async read(file: FileHandle, { offset, most, size, isWhole }: Piece): Promise<Buffer> {
    const redactor = this.#redactor;
    if (redactor === undefined) return await readAt(file, offset, Math.min(most, size - offset));
    const from = Math.max(0, offset - redactor.reach);
    const until = Math.min(size, offset + most + redactor.reach);
    const around = await readAt(file, from, until - from);
    const open = !isWhole && from + around.length >= size ? redactor.openAtEnd(around) : 0;
    const end = Math.min(offset + most, from + around.length - open);
    return end <= offset ? Buffer.alloc(0) : redactor.hide(around).subarray(offset - from, end - from);
  }

  /** SHA-256 of the first `bytes`, as they are read: a child that the script left behind may still write. */
  async digest(bytes: number): Promise<string> {
    const hash = createHash("sha256");
    const file = bytes > 0 ? await open(this.path, "r") : undefined;
    try {
      for (let offset = 0; file !== undefined && offset < bytes; ) {
        const piece = await this.read(file, { offset, most: digestBytes, size: bytes, isWhole: true });
        if (piece.length === 0) break;
        hash.update(piece);
        offset += piece.length;
      }
    } finally {
      await file?.close();
    }
    return hash.digest("hex");
  }
}

async function readAt(file: FileHandle, offset: number, most: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.max(0, most));
  const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
  return buffer.subarray(0, bytesRead);
}
