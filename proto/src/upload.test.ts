import fc from "fast-check";
import { expect, test } from "vitest";
import { UploadRequest } from "./generated/convirt/agent/v1/staging.js";
import { decodeUpload, FrameReader, frameOf, uploadWithRoom } from "./upload.js";

const head = { name: "Large", treeDigest: "d".repeat(64), file: 3, chunk: 70_000 };

test("an upload's message is what the generated code makes of it, and is read as that reads it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (data) => {
      const { message, dataAt } = uploadWithRoom(head, data.length);
      message.set(data, dataAt);
      expect(UploadRequest.decode(message)).toEqual({ ...head, data: Buffer.from(data) });
      expect(decodeUpload(message)).toEqual({ ...head, data: Buffer.from(data) });
    }),
  );
});

test("frames are read whole, in order and none too many, however the connection cuts them", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 })),
      fc.array(fc.integer({ min: 1, max: 40 })),
      (sent, cuts) => {
        const came: Buffer[] = [];
        const reader = new FrameReader((frame) => came.push(frame));
        const stream = Buffer.concat(sent.map(frameOf));
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const length = cuts[turn % Math.max(1, cuts.length)] ?? stream.length;
          reader.take(stream.subarray(at, at + length));
          at += length;
        }
        expect(came).toEqual(sent.map((bytes) => Buffer.from(bytes)));
      },
    ),
  );
});

test("a framed message is the frame of that message", () => {
  const { message, dataAt } = uploadWithRoom(head, 5, { framed: true });
  message.set(Buffer.from("12345"), dataAt);
  const plain = uploadWithRoom(head, 5);
  plain.message.set(Buffer.from("12345"), plain.dataAt);
  expect(message).toEqual(frameOf(plain.message));
});

test("a frame that says that it is longer than any may be is refused before room is made for it", () => {
  const reader = new FrameReader(() => undefined);
  expect(() => reader.take(Buffer.from([0x7f, 0xff, 0xff, 0xff]))).toThrow(/2147483647 bytes/);
});
