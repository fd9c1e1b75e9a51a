// Remembers the hashes of files in memory and in the database, so that neither a second request nor a restart reads a gigabyte again. A stamp
// (size, mtime, ctime, inode) stands for the contents; a file changed a moment ago is not remembered, as its next change might carry the same.
import { Injectable } from "@nestjs/common";
import { InjectRepository } from "@nestjs/typeorm";
import { In, Repository } from "typeorm";
import { ImageFileHashEntity } from "./image.entity.js";
import type { FileHash, HashMemory } from "./tree/hash.js";
import { isSettled } from "./tree/sweep.js";
import type { Stamp } from "./tree/walk.js";

interface Known extends FileHash {
  stamp: string;
}

@Injectable()
export class StoredHashes implements HashMemory {
  private readonly known = new Map<string, Known>();
  private readonly unsaved = new Set<string>();
  private loaded: Promise<void> | undefined;
  private readonly hashes: Repository<ImageFileHashEntity>;

  constructor(@InjectRepository(ImageFileHashEntity) hashes: Repository<ImageFileHashEntity>) {
    this.hashes = hashes;
  }

  /** Reads what the database holds, once. */
  async load(): Promise<void> {
    this.loaded ??= this.read();
    await this.loaded;
  }

  private async read(): Promise<void> {
    for (const row of await this.hashes.find()) {
      const sha256 = Buffer.from(row.sha256, "hex");
      this.known.set(row.path, { stamp: row.stamp, sha256, chunkHashes: Buffer.from(row.chunkHashes, "base64") });
    }
  }

  recall(path: string, stamp: Stamp): FileHash | undefined {
    const known = this.known.get(path);
    return known?.stamp === written(stamp) ? { sha256: known.sha256, chunkHashes: known.chunkHashes } : undefined;
  }

  keep(path: string, stamp: Stamp, hash: FileHash, begunMs: number): void {
    if (!isSettled([stamp], begunMs)) return;
    this.known.set(path, { stamp: written(stamp), ...hash });
    this.unsaved.add(path);
  }

  /** Writes what is new to the database. */
  async save(): Promise<void> {
    const paths = [...this.unsaved];
    this.unsaved.clear();
    const rows = paths.flatMap((path) => {
      const known = this.known.get(path);
      if (known === undefined) return [];
      const { stamp } = known;
      return [{ path, stamp, sha256: known.sha256.toString("hex"), chunkHashes: known.chunkHashes.toString("base64") }];
    });
    for (let first = 0; first < rows.length; first += 100)
      await this.hashes.upsert(rows.slice(first, first + 100), ["path"]);
  }

  /** Forgets the files that `isThere` denies. */
  async prune(isThere: (path: string) => boolean): Promise<void> {
    const gone = [...this.known.keys()].filter((path) => !isThere(path));
    for (const path of gone) this.known.delete(path);
    for (let first = 0; first < gone.length; first += 100)
      await this.hashes.delete({ path: In(gone.slice(first, first + 100)) });
  }
}

function written(stamp: Stamp): string {
  return `${stamp.size}:${stamp.mtimeNs}:${stamp.ctimeNs}:${stamp.ino}`;
}
