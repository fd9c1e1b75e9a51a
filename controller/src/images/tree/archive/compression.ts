// The three forms of an archive. gzip is Node's own. zstd is Node's own from 22.15 on; before that it is the `zstd` program, which every
// distribution ships and patches: the packages for Node either fetch a native binary at install or hold the whole input in memory.
// The program gets fixed arguments, a clean environment, a bound on its memory, and the data by standard input.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Duplex, PassThrough, type Readable } from "node:stream";
import zlib from "node:zlib";

export type ArchiveFormat = "tar" | "gz" | "zst";

/** Neither Node nor the machine can do zstd. */
export class NoZstd extends Error {
  constructor() {
    super('zst needs the program "zstd" on the controller (Debian: apt install zstd), or Node 22.15');
    this.name = "NoZstd";
  }
}

/** Tells the form by the first bytes; what is neither gzip nor zstd is taken for tar, and its reader decides. */
export function formatOf(head: Uint8Array): ArchiveFormat {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gz";
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return "zst";
  return "tar";
}

export async function decompressor(format: ArchiveFormat): Promise<Duplex> {
  if (format === "tar") return new PassThrough();
  if (format === "gz") return zlib.createGunzip();
  return nodeZstd("createZstdDecompress") ?? (await program(["--decompress", "--stdout", "--quiet", "--memory=128MB"]));
}

export async function compressor(format: ArchiveFormat): Promise<Duplex> {
  if (format === "tar") return new PassThrough();
  if (format === "gz") return zlib.createGzip({ level: 6 });
  return (
    nodeZstd("createZstdCompress") ?? (await program(["--compress", "--stdout", "--quiet", "-3", "--single-thread"]))
  );
}

function nodeZstd(name: "createZstdCompress" | "createZstdDecompress"): Duplex | undefined {
  const make = (zlib as unknown as Record<string, (() => Duplex) | undefined>)[name];
  return make?.();
}

async function program(args: readonly string[]): Promise<Duplex> {
  const child = spawn("zstd", args, { stdio: ["pipe", "pipe", "pipe"], env: { PATH: "/usr/local/bin:/usr/bin:/bin" } });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    if (said.length < 500) said += chunk.toString("utf8");
  });
  // A reader that stops early breaks the pipe; how the program ended is what counts.
  child.stdin.on("error", () => {});
  try {
    await once(child, "spawn");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw new NoZstd();
    throw error;
  }
  const duplex = Duplex.from({
    writable: child.stdin,
    readable: untilExit(child.stdout, once(child, "close"), () => said),
  });
  duplex.once("close", () => child.kill("SIGKILL"));
  return duplex;
}

async function* untilExit(output: Readable, closed: Promise<unknown[]>, said: () => string): AsyncGenerator<Buffer> {
  for await (const chunk of output) yield chunk as Buffer;
  const [code] = await closed;
  if (code !== 0) throw new Error(`zstd ended with ${String(code)}: ${said().trim().slice(0, 300)}`);
}
