// The one message that carries gigabytes, written and read without the copies that the generated code makes. The bytes are those of UploadRequest.encode. And the
// frames in which it goes on a connection of its own, see staging.proto.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { UploadRequest } from "./generated/convirt/agent/v1/staging.js";

/** A field's key: its number, and how what follows is to be read. */
const keyOf = (field: number, wireType: number) => (field << 3) | wireType;
const [varint, delimited] = [0, 2];

/** What both ends of an upload's own connection name in the TLS handshake (ALPN). */
export const uploadProtocol = "convirt-upload/1";
const lengthBytes = 4;
/** 1 MiB of data, and what stands before it. */
const longestFrame = 1024 * 1024 + 64 * 1024;

/** A whole message with room for `length` bytes of data at its end, to be filled by the caller from `dataAt` on. `framed`: with the frame's length before it. */
export function uploadWithRoom(
  head: Omit<UploadRequest, "data">,
  length: number,
  { framed = false }: { framed?: boolean } = {},
): { message: Buffer<ArrayBuffer>; dataAt: number } {
  const start = UploadRequest.encode({ ...head, data: Buffer.alloc(0) }).finish();
  const key = new BinaryWriter().uint32(keyOf(5, delimited)).uint32(length).finish();
  const before = framed ? lengthBytes : 0;
  const dataAt = before + start.length + key.length;
  const message = Buffer.allocUnsafe(dataAt + length);
  if (framed) message.writeUInt32BE(message.length - lengthBytes);
  message.set(start, before);
  message.set(key, before + start.length);
  return { message, dataAt };
}

/** A frame of these bytes; of none: the end of the controller's. */
export function frameOf(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Puts frames together from what a connection brings. */
export class FrameReader {
  readonly #onFrame: (frame: Buffer<ArrayBuffer>) => void;
  readonly #length = Buffer.alloc(lengthBytes);
  #lengthAt = 0;
  #frame: Buffer<ArrayBuffer> | undefined;
  #frameAt = 0;

  /** `onFrame` is given each frame in a buffer that is nobody else's. */
  constructor(onFrame: (frame: Buffer<ArrayBuffer>) => void) {
    this.#onFrame = onFrame;
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
    this.#frame = Buffer.allocUnsafeSlow(length);
  }

  #end(frame: Buffer<ArrayBuffer>): void {
    this.#frame = undefined;
    this.#frameAt = 0;
    this.#lengthAt = 0;
    this.#onFrame(frame);
  }
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
