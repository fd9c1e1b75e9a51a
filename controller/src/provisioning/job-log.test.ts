import fc from "fast-check";
import { expect, test } from "vitest";
import { chunkLimit, LogGap, placeLog } from "./job-log.js";

/** The bytes of a log that nobody would take for another's. */
const logOf = (length: number) => Buffer.from(Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 255));
const log = logOf(6 * chunkLimit);

test("every byte is placed once, in order, in chunks of at most 64 KiB, however the log is cut and whatever comes twice", () => {
  const lengths = fc.oneof(
    fc.nat(2000),
    fc.nat(2 * chunkLimit),
    fc.constantFrom(chunkLimit, chunkLimit - 1, chunkLimit + 1),
  );
  const pieces = fc.array(fc.record({ length: lengths, again: fc.nat(3000) }), { maxLength: 8 });
  fc.assert(
    fc.property(fc.nat(5000), pieces, (stored, cuts) => {
      let end = 0;
      const sent = cuts.map(({ length, again }) => {
        const offset = Math.max(0, end - again);
        end = Math.min(log.length, Math.max(end, offset + length));
        return { offset, data: new Uint8Array(log.subarray(offset, Math.min(log.length, offset + length))) };
      });
      const chunks = placeLog(stored, sent);
      let at = stored;
      for (const { offset, bytes } of chunks) {
        expect([offset, bytes.length > 0, bytes.length <= chunkLimit]).toEqual([at, true, true]);
        at += bytes.length;
      }
      expect(at).toBe(Math.max(stored, end));
      expect(Buffer.concat(chunks.map(({ bytes }) => bytes)).equals(log.subarray(stored, at))).toBe(true);
    }),
  );
});

test("small pieces become one chunk", () => {
  const sent = Array.from({ length: 100 }, (_, index) => ({
    offset: index * 10,
    data: log.subarray(index * 10, index * 10 + 10),
  }));
  expect(placeLog(0, sent)).toEqual([{ offset: 0, bytes: log.subarray(0, 1000) }]);
});

test("bytes that are missing in between are refused", () => {
  const sent = [
    { offset: 0, data: log.subarray(0, 10) },
    { offset: 11, data: log.subarray(11, 20) },
  ];
  expect(() => placeLog(0, sent)).toThrow(LogGap);
  expect(() => placeLog(0, sent)).toThrow("The log goes on at byte 11, but only 10 bytes are stored");
});
