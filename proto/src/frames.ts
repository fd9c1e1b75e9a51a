// The one message that carries gigabytes, written and read without the copies that the generated code makes. The bytes are those of UploadRequest.encode. And the
// frames in which it goes on a connection of its own, see upload.proto.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { UploadRequest } from "./generated/convirt/agent/v1/upload.js";

export type UploadHead = Omit<UploadRequest, "data">;

/** A field's key: its number, and how what follows is to be read. */
const keyOf = (field: number, wireType: number) => (field << 3) | wireType;
const [varint, delimited] = [0, 2];

/** What both ends of an upload's own connection name in the TLS handshake (ALPN). */
export const uploadProtocol = "convirt-upload/1";
const lengthBytes = 4;
/** What stands before a message's data: names, numbers, lengths. */
const longestHead = 64 * 1024;
const mostData = 1024 * 1024;
/** The most bytes of a frame; a longer one is refused. */
export const longestFrame = mostData + longestHead;

/**
 * Room for one message: the caller fills `data` from its beginning, then asks for the message, which is made around it. Both are views of the same memory, that
 * serves for the next message as soon as the one before has been sent.
 */
export class UploadRoom {
  readonly data: Buffer;
  readonly #bytes: Buffer;

  /** `length`: the most bytes of data. */
  constructor(length = mostData) {
    this.#bytes = Buffer.allocUnsafeSlow(longestHead + length);
    this.data = this.#bytes.subarray(longestHead);
  }

  /** The whole message with the first `length` bytes of data; `framed`: with the frame's length before it. Throws a RangeError when the head is too long. */
  message(head: UploadHead, length: number, { framed = false }: { framed?: boolean } = {}): Buffer {
    const start = UploadRequest.encode({ ...head, data: Buffer.alloc(0) }).finish();
    const key = new BinaryWriter().uint32(keyOf(5, delimited)).uint32(length).finish();
    const headLength = start.length + key.length;
    if (lengthBytes + headLength > longestHead)
      throw new RangeError(`${headLength} bytes stand before an upload's data; ${longestHead} is the most`);
    const from = longestHead - headLength;
    this.#bytes.set(start, from);
    this.#bytes.set(key, from + start.length);
    if (framed) this.#bytes.writeUInt32BE(headLength + length, from - lengthBytes);
    return this.#bytes.subarray(framed ? from - lengthBytes : from, longestHead + length);
  }
}

/** A frame of these bytes; of none: the end of the controller's. */
export function frameOf(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Gives memory of at least `bytes` that is nobody else's. */
export type GiveRoom = (bytes: number) => ArrayBuffer;

/** Puts frames together from what a connection brings. */
export class FrameReader {
  readonly #onFrame: (frame: Buffer<ArrayBuffer>) => void;
  readonly #giveRoom: GiveRoom;
  readonly #length = Buffer.alloc(lengthBytes);
  #lengthAt = 0;
  #frame: Buffer<ArrayBuffer> | undefined;
  #frameAt = 0;

  /** `onFrame` is given each frame in memory of its own, which `giveRoom` gave. */
  constructor(onFrame: (frame: Buffer<ArrayBuffer>) => void, giveRoom: GiveRoom = newRoom) {
    this.#onFrame = onFrame;
    this.#giveRoom = giveRoom;
  }

  /** Throws a RangeError when a frame is longer than any may be. */
  take(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#frame === undefined) {
        const taken = bytes.copy(this.#length, this.#lengthAt, at);
        at += taken;
        this.#lengthAt += taken;
        if (this.#lengthAt < lengthBytes) return;
        this.#begin();
      } else {
        const taken = bytes.copy(this.#frame, this.#frameAt, at);
        at += taken;
        this.#frameAt += taken;
      }
      if (this.#frame !== undefined && this.#frameAt === this.#frame.length) this.#end(this.#frame);
    }
  }

  #begin(): void {
    const length = this.#length.readUInt32BE();
    if (length > longestFrame) throw new RangeError(`A frame of ${length} bytes came; ${longestFrame} is the most`);
    this.#frame = Buffer.from(this.#giveRoom(length), 0, length);
  }

  #end(frame: Buffer<ArrayBuffer>): void {
    this.#frame = undefined;
    this.#frameAt = 0;
    this.#lengthAt = 0;
    this.#onFrame(frame);
  }
}

function newRoom(bytes: number): ArrayBuffer {
  return Buffer.allocUnsafeSlow(bytes).buffer;
}

/** The same as UploadRequest.decode, but `data` is a view of `bytes`. Throws what the reader throws when they are not such a message. */
export function decodeUpload(bytes: Uint8Array): UploadRequest {
  const reader = new BinaryReader(bytes);
  const message = UploadRequest.create();
  while (reader.pos < reader.len) {
    const key = reader.uint32();
    if (key === keyOf(1, delimited)) message.treeDigest = reader.string();
    else if (key === keyOf(2, delimited)) message.name = reader.string();
    else if (key === keyOf(3, varint)) message.file = reader.uint32();
    else if (key === keyOf(4, varint)) message.chunk = reader.uint32();
    else if (key === keyOf(5, delimited)) message.data = viewOf(reader.bytes());
    else reader.skip(key & 7);
  }
  return message;
}

function viewOf(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
