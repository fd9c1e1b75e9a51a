import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeUpload, FrameReader, frameOf, UploadRoom } from "./frames.js";
import { UploadRequest } from "./generated/convirt/agent/v1/upload.js";

function messageOf(data: Uint8Array, options: { framed?: boolean } = {}): Buffer {
  const room = new UploadRoom(data.length);
  room.data.set(data);
  return room.message(head, data.length, options);
}

const head = { name: "Large", treeDigest: "d".repeat(64), file: 3, chunk: 70_000 };

test("an upload's message is what the generated code makes of it, and is read as that reads it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (data) => {
      const message = messageOf(data);
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
  const data = Buffer.from("12345");
  expect(messageOf(data, { framed: true })).toEqual(frameOf(messageOf(data)));
});

test("room that served for one message serves for the next, be it longer or shorter", () => {
  const room = new UploadRoom(1000);
  for (const [chunk, length] of [
    [1, 1000],
    [70_000, 3],
    [2, 999],
  ] as const) {
    const data = Buffer.alloc(length, chunk);
    room.data.set(data);
    const message = room.message({ ...head, chunk }, length, { framed: true });
    expect(message).toEqual(frameOf(UploadRequest.encode({ ...head, chunk, data }).finish()));
  }
});

test("a message whose names alone are longer than any frame's head may be is not made", () => {
  const room = new UploadRoom(10);
  expect(() => room.message({ ...head, name: "n".repeat(70_000) }, 10)).toThrow(RangeError);
});

test("frames lie in the memory that is given for them, also where that is larger", () => {
  const given = new ArrayBuffer(64);
  const came: Buffer[] = [];
  new FrameReader(
    (frame) => came.push(frame),
    () => given,
  ).take(frameOf(Buffer.from("hello")));
  expect(came.map(String)).toEqual(["hello"]);
  expect(came[0]?.buffer).toBe(given);
});

test("a frame that says that it is longer than any may be is refused before room is made for it", () => {
  const reader = new FrameReader(() => undefined);
  expect(() => reader.take(Buffer.from([0x7f, 0xff, 0xff, 0xff]))).toThrow(/2147483647 bytes/);
});
