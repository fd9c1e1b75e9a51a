// The one message that carries gigabytes, written and read without the copies that the generated code makes. The bytes are those of UploadRequest.encode.
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { UploadRequest } from "./generated/convirt/agent/v1/staging.js";

/** A field's key: its number, and how what follows is to be read. */
const keyOf = (field: number, wireType: number) => (field << 3) | wireType;
const [varint, delimited] = [0, 2];

/** A whole message with room for `length` bytes of data at its end, to be filled by the caller from `dataAt` on. */
export function uploadWithRoom(
  head: Omit<UploadRequest, "data">,
  length: number,
): { message: Buffer<ArrayBuffer>; dataAt: number } {
  const start = UploadRequest.encode({ ...head, data: Buffer.alloc(0) }).finish();
  const key = new BinaryWriter().uint32(keyOf(5, delimited)).uint32(length).finish();
  const dataAt = start.length + key.length;
  const message = Buffer.allocUnsafe(dataAt + length);
  message.set(start, 0);
  message.set(key, start.length);
  return { message, dataAt };
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
