// Writes a tree as a tar stream: folders and files in the order of the tree, owner 0, no user names, modes 0755 or 0644. The same tree gives
// the same bytes. Made by hand on tar's own header writer, since a packer of folders would look at the folder again and follow what it finds.
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Header, Pax } from "tar";
import { ChangedWhileRead } from "../hash.js";
import { type FoundTree, type Stamp, sameStamp, stampOf } from "../walk.js";

const blockBytes = 512;
const readBytes = 256 * 1024;

/** The tar of `found` under the top folder `name`. Ends in ChangedWhileRead when a file becomes another meanwhile. */
export async function* tarOf(name: string, found: FoundTree): AsyncGenerator<Buffer> {
  const folders = found.folders.map((folder) => ({ ...folder, mode: 0o755, folder: true }));
  const files = found.files.map((file) => ({ ...file, folder: false }));
  const entries = [...folders, ...files].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  for (const entry of entries) {
    const path = entry.path === "" ? `${name}/` : `${name}/${entry.path}${entry.folder ? "/" : ""}`;
    yield header(path, entry, entry.folder);
    if (!entry.folder) yield* contents(join(found.root, entry.path), entry);
  }
  yield Buffer.alloc(2 * blockBytes);
}

function header(path: string, entry: { mode: number; stamp: Stamp }, folder: boolean): Buffer {
  // Whole seconds: fractions would need an extended header for each file, and other tars would not show them.
  const fields = {
    path,
    mode: entry.mode,
    uid: 0,
    gid: 0,
    size: folder ? 0 : Number(entry.stamp.size),
    mtime: new Date(Number(entry.stamp.mtimeNs / 1_000_000_000n) * 1000),
    type: folder ? ("Directory" as const) : ("File" as const),
  };
  const block = Buffer.alloc(blockBytes);
  const tooLong = new Header(fields).encode(block, 0);
  return tooLong ? Buffer.concat([new Pax({ path, size: fields.size, mtime: fields.mtime }).encode(), block]) : block;
}

async function* contents(path: string, entry: { path: string; stamp: Stamp }): AsyncGenerator<Buffer> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!sameStamp(stampOf(await handle.stat({ bigint: true })), entry.stamp)) throw new ChangedWhileRead(entry.path);
    const size = Number(entry.stamp.size);
    let sent = 0;
    while (sent < size) {
      const { bytesRead, buffer } = await handle.read(
        Buffer.allocUnsafe(readBytes),
        0,
        Math.min(readBytes, size - sent),
        sent,
      );
      if (bytesRead === 0) throw new ChangedWhileRead(entry.path);
      sent += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
    const rest = size % blockBytes;
    if (rest !== 0) yield Buffer.alloc(blockBytes - rest);
    if (!sameStamp(stampOf(await handle.stat({ bigint: true })), entry.stamp)) throw new ChangedWhileRead(entry.path);
  } finally {
    await handle.close();
  }
}
