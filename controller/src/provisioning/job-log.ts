// The bytes of a log, cut and placed: each byte is stored once, in order, whatever was sent twice, in pieces or not at all.
/** The host sent bytes that do not join those stored: following begins again where they end. */
export class LogGap extends Error {
  constructor(stored: number, offset: number) {
    super(`The log goes on at byte ${offset}, but only ${stored} bytes are stored`);
    this.name = "LogGap";
  }
}

export const chunkLimit = 64 * 1024;

/** Joins what came together into chunks of at most 64 KiB, without what is stored already. Throws LogGap when bytes are missing in between. */
export function placeLog(
  stored: number,
  pieces: readonly { offset: number; data: Uint8Array }[],
): { offset: number; bytes: Buffer }[] {
  let end = stored;
  const fresh: Uint8Array[] = [];
  for (const { offset, data } of pieces) {
    if (offset > end) throw new LogGap(end, offset);
    if (offset + data.length <= end) continue;
    fresh.push(data.subarray(end - offset));
    end = offset + data.length;
  }
  const joined = fresh.length === 1 && fresh[0] !== undefined ? Buffer.from(fresh[0]) : Buffer.concat(fresh);
  const chunks: { offset: number; bytes: Buffer }[] = [];
  for (let at = 0; at < joined.length; at += chunkLimit)
    chunks.push({ offset: stored + at, bytes: joined.subarray(at, at + chunkLimit) });
  return chunks;
}
