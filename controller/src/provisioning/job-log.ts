// The bytes of a log, cut and placed: each byte is stored once, in order, whatever was sent twice, in pieces or not at all.
/** The host sent bytes that do not join those stored: following begins again where they end. */
export class LogGap extends Error {
  constructor(stored: number, offset: number) {
    super(`The log goes on at byte ${offset}, but only ${stored} bytes are stored`);
    this.name = "LogGap";
  }
}

export const chunkLimit = 64 * 1024;

/**
 * Chunks of at most 64 KiB of what came together, without what is stored already: small pieces are joined, large ones cut where they lie. Throws LogGap when bytes are
 * missing in between.
 */
export function placeLog(
  stored: number,
  pieces: readonly { offset: number; data: Uint8Array }[],
): { offset: number; bytes: Buffer }[] {
  const chunks: { offset: number; bytes: Buffer }[] = [];
  let end = stored;
  let placed = stored;
  let small: Buffer[] = [];
  const put = (bytes: Buffer): void => {
    chunks.push({ offset: placed, bytes });
    placed += bytes.length;
  };
  const join = (): void => {
    if (small.length > 0) put(small.length === 1 && small[0] !== undefined ? small[0] : Buffer.concat(small));
    small = [];
  };
  for (const { offset, data } of pieces) {
    if (offset > end) throw new LogGap(end, offset);
    let fresh = viewOf(data.subarray(Math.min(end - offset, data.length)));
    if (end - placed + fresh.length > chunkLimit) join();
    end += fresh.length;
    for (; fresh.length >= chunkLimit; fresh = fresh.subarray(chunkLimit)) put(fresh.subarray(0, chunkLimit));
    if (fresh.length > 0) small.push(fresh);
  }
  join();
  return chunks;
}

function viewOf(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
