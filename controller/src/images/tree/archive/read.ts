// Reads an archive from outside into an empty folder of ours. One pass: each entry is judged by its header, then those very bytes are
// written, so nothing can be one thing at the check and another at the extraction. Only plain files and folders exist here; a link, a device,
// a second entry of one name, a name that another file system would fold into it, end the import. The caller removes the folder then.
import { constants, type Stats } from "node:fs";
import { mkdir, open, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { Parser, type ReadEntry } from "tar";
import { collisionKey, pathTrouble } from "../names.js";
import { maxFiles, printable } from "../walk.js";
import { formatOf } from "./compression.js";
import { type ArchiveLimits, BadArchive, maxTextBytes, textFiles } from "./limits.js";

const plainFile: ReadonlySet<string> = new Set(["File", "OldFile", "ContiguousFile"]);

/** What was extracted: the top folder's name, or undefined for a flat archive, whose files lie in the folder itself. */
export interface Extracted {
  topFolder: string | undefined;
  files: number;
  bytes: number;
}

/** Extracts the tar stream `source` into the empty folder `target`. Throws BadArchive; errors of the file system pass as they are. */
export async function extractTar(source: Readable, target: string, limits: ArchiveLimits): Promise<Extracted> {
  const extraction = new Extraction(target, limits);
  const parser = new Parser({ strict: true, zstd: false, brotli: false });
  let failure: unknown;
  let ended = false;
  let working: Promise<void> = Promise.resolve();
  let current: ReadEntry | undefined;
  const fail = (error: unknown): void => {
    failure ??= error;
    parser.emit("drain");
  };
  parser.on("error", (error: Error) =>
    fail(new BadArchive("invalid", `it is no well-formed tar: ${printable(error.message)}`)),
  );
  parser.on("ignoredEntry", () => fail(new BadArchive("invalid", "an extended header is larger than 1 MiB")));
  parser.on("meta", (text: string) => {
    if (text.includes("GNU.sparse."))
      fail(new BadArchive("invalid", "it holds a sparse file; pack it without --sparse"));
    if (text.replace(/\0+$/, "").includes("\0")) fail(new BadArchive("invalid", "an extended header holds a NUL"));
  });
  parser.on("eof", () => {
    ended = true;
  });
  parser.on("entry", (entry: ReadEntry) => {
    current = entry;
    // Who reads the entry gets its error; an entry that nobody reads has no one to tell.
    entry.on("error", () => undefined);
    if (failure === undefined) working = extraction.take(entry).catch(fail);
    else entry.resume();
  });
  try {
    await feed(parser, source, () => failure);
  } catch (error) {
    // The writer of the file under way must have stopped before the caller removes the folder.
    fail(error);
    current?.destroy(new BadArchive("invalid", "it was cut"));
    await working;
    throw error;
  }
  parser.end();
  await working;
  if (failure !== undefined) throw failure;
  if (!ended) throw new BadArchive("invalid", "it ends before its end mark: it was cut");
  return extraction.result();
}

async function feed(parser: Parser, source: Readable, failure: () => unknown): Promise<void> {
  let first = true;
  for await (const chunk of source) {
    const bytes = chunk as Buffer;
    if (first && formatOf(bytes) !== "tar") throw new BadArchive("invalid", "it is compressed twice");
    first = false;
    if (!parser.write(bytes) && failure() === undefined) {
      await new Promise<void>((resolve) => parser.once("drain", resolve));
    }
    if (failure() !== undefined) throw failure();
  }
}

class Extraction {
  private readonly seen = new Map<string, { path: string; folder: boolean; listed: boolean }>();
  private readonly target: string;
  private readonly limits: ArchiveLimits;
  private files = 0;
  private bytes = 0;

  constructor(target: string, limits: ArchiveLimits) {
    this.target = target;
    this.limits = limits;
  }

  async take(entry: ReadEntry): Promise<void> {
    const folder = entry.type === "Directory";
    const path = this.judge(entry, folder);
    if (path === undefined) {
      entry.resume();
      return;
    }
    const parent = path.split("/").slice(0, -1).join("/");
    await mkdir(join(this.target, folder ? path : parent), { recursive: true, mode: 0o755 });
    if (folder) entry.resume();
    else await this.write(path, entry);
  }

  /** The path to write, or undefined for the archive's own root. */
  private judge(entry: ReadEntry, folder: boolean): string | undefined {
    if (!folder && !plainFile.has(entry.type)) {
      throw new BadArchive(
        "invalid",
        `"${printable(entry.path)}" is a ${entry.type}; only files and folders are taken`,
      );
    }
    if (folder && entry.size !== 0)
      throw new BadArchive("invalid", `the folder "${printable(entry.path)}" has contents of its own`);
    if (!folder && entry.path.endsWith("/"))
      throw new BadArchive("invalid", `the file "${printable(entry.path)}" has a folder's name`);
    const path = entry.path.replace(/^(\.\/)+/, "").replace(/\/$/, "");
    if (folder && (path === "" || path === ".")) return undefined;
    const trouble = pathTrouble(path);
    if (trouble !== undefined) throw new BadArchive("invalid", `"${printable(entry.path.slice(0, 300))}": ${trouble}`);
    this.claim(path, folder);
    if (!folder) this.measure(path, entry.size);
    return path;
  }

  /** Takes the name for this entry, and its folders' names for folders. */
  private claim(path: string, folder: boolean): void {
    const segments = path.split("/");
    for (let length = 1; length <= segments.length; length++) {
      const part = segments.slice(0, length).join("/");
      const whole = length === segments.length;
      const known = this.seen.get(collisionKey(part));
      const isFolder = whole ? folder : true;
      if (known === undefined) {
        this.seen.set(collisionKey(part), { path: part, folder: isFolder, listed: whole });
        if (this.seen.size > maxFiles)
          throw new BadArchive("too_large", `it holds more than ${maxFiles} files and folders`);
        continue;
      }
      if (known.path !== part)
        throw new BadArchive("invalid", `"${part}" and "${known.path}" are one name to some file systems`);
      if (known.folder !== isFolder || (whole && known.listed))
        throw new BadArchive("invalid", `"${part}" is there twice`);
      if (whole) known.listed = true;
    }
  }

  private measure(path: string, size: number): void {
    const name = path.split("/").at(-1) ?? path;
    if (textFiles.has(name) && size > maxTextBytes) {
      throw new BadArchive("too_large", `"${path}" holds ${size} bytes; ${maxTextBytes} are the most for a text file`);
    }
    if (size > this.limits.memberBytes) {
      throw new BadArchive(
        "too_large",
        `"${path}" holds ${size} bytes; ${this.limits.memberBytes} are the most for one file`,
      );
    }
    this.files += 1;
    this.bytes += size;
    if (this.bytes > this.limits.totalBytes) {
      throw new BadArchive("too_large", `it expands to more than ${this.limits.totalBytes} bytes`);
    }
  }

  private async write(path: string, entry: ReadEntry): Promise<void> {
    const { bavail, bsize } = await statfs(this.target);
    const free = bavail * bsize - this.limits.reserveBytes;
    if (entry.size > free) {
      throw new BadArchive(
        "too_large",
        `"${path}" needs ${entry.size} bytes, ${Math.max(0, free)} are free in the store`,
      );
    }
    const mode = ((entry.mode ?? 0) & 0o100) === 0 ? 0o644 : 0o755;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const handle = await open(join(this.target, path), flags, mode);
    try {
      for await (const chunk of entry) await handle.writeFile(chunk as Buffer);
      await handle.chmod(mode);
      const written: Stats = await handle.stat();
      if (written.size !== entry.size) throw new BadArchive("invalid", `"${path}" ends early: the archive was cut`);
      if (entry.mtime !== undefined && Number.isFinite(entry.mtime.getTime()))
        await handle.utimes(entry.mtime, entry.mtime);
    } finally {
      await handle.close();
    }
  }

  result(): Extracted {
    const top = [...this.seen.values()].filter(({ path }) => !path.includes("/"));
    const onlyFolder = top.length === 1 && top[0]?.folder ? top[0].path : undefined;
    if (onlyFolder === undefined && !top.some(({ folder }) => !folder)) {
      throw new BadArchive(
        "invalid",
        top.length === 0 ? "it is empty" : "it holds more than one folder; an archive holds one image",
      );
    }
    return { topFolder: onlyFolder, files: this.files, bytes: this.bytes };
  }
}
