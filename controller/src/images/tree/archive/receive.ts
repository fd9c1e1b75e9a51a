// The way of an archive's bytes from the request to the folder: recognised by its first bytes, expanded, counted, extracted.
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { decompressor, formatOf, NoZstd } from "./compression.js";
import { type ArchiveLimits, BadArchive } from "./limits.js";
import { type Extracted, extractTar } from "./read.js";

/** Expands and extracts `body` into the empty folder `target`. Throws BadArchive for all that is the archive's fault. */
export async function receiveArchive(body: Readable, target: string, limits: ArchiveLimits): Promise<Extracted> {
  const iterator: AsyncIterator<Buffer> = body.iterator({ destroyOnReturn: false });
  try {
    return await extracted(iterator, target, limits);
  } finally {
    // Lets go of the body without ending it: what an archive that is refused has left must run out. Not awaited, for more of it may never come.
    iterator.return?.().catch(() => undefined);
  }
}

async function extracted(iterator: AsyncIterator<Buffer>, target: string, limits: ArchiveLimits): Promise<Extracted> {
  const head = await firstBytes(iterator);
  const format = formatOf(head);
  let received = 0;
  let expanded = 0;
  const source = Readable.from(
    countedFrom(head, iterator, (bytes) => (received += bytes)),
    { objectMode: false },
  );
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done): void {
      expanded += chunk.length;
      if (expanded > limits.totalBytes * 1.1 + 16 * 1024 * 1024) {
        done(new BadArchive("too_large", `it expands to more than ${limits.totalBytes} bytes`));
      } else if (expanded > limits.ratioFloorBytes && expanded > received * limits.ratio) {
        done(new BadArchive("too_large", `it expands more than ${limits.ratio} times its size`));
      } else done(undefined, chunk);
    },
  });
  const expander = await decompressor(format);
  let extraction: Promise<Extracted> | undefined;
  try {
    await pipeline(source, expander, meter, async (tar) => {
      extraction = extractTar(tar as unknown as Readable, target, limits);
      await extraction;
    });
  } catch (error) {
    // The pipeline fails as soon as one part does; the folder is the caller's again only when nobody writes into it.
    const verdict = await extraction?.then(
      () => undefined,
      (inner: unknown) => inner,
    );
    // What the reader said counts for more than the broken pipe that came of it.
    throw asBadArchive(verdict instanceof BadArchive ? verdict : error, format);
  }
  if (extraction === undefined) throw new BadArchive("invalid", "it is empty");
  return await extraction;
}

function asBadArchive(error: unknown, format: string): unknown {
  if (error instanceof BadArchive || error instanceof NoZstd || !(error instanceof Error)) return error;
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code.startsWith("Z_") || code.startsWith("ZSTD_") || error.message.startsWith("zstd ended")) {
    return new BadArchive("invalid", `its ${format} data is broken or cut`);
  }
  if (code === "ECONNRESET" || code === "ERR_STREAM_PREMATURE_CLOSE" || code === "ABORT_ERR") {
    return new BadArchive("invalid", "it ended before it was whole: the connection was cut");
  }
  if (code === "ENOSPC") return new BadArchive("too_large", "the store's file system is full");
  if (code === "ENAMETOOLONG") return new BadArchive("invalid", "a name in it is too long for the store's file system");
  return error;
}

async function firstBytes(iterator: AsyncIterator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 4) {
    const next = await iterator.next();
    if (next.done === true) return head;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

async function* countedFrom(
  head: Buffer,
  rest: AsyncIterator<Buffer>,
  count: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  if (head.length > 0) {
    count(head.length);
    yield head;
  }
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    count(next.value.length);
    yield next.value;
  }
}
