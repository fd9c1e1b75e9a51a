// Brings image trees to a host: offers them by digest, and sends only the chunks that the host lacks. What is sent is hashed again while it
// is read, chunk by chunk, against the hashes that were offered: a file that changed meanwhile stops the upload before it can mislead.
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type {
  ChunkRange,
  ListStagedReply,
  OfferReply,
  RemoveStagedReply,
  StagedTree,
  StagingServiceClient,
} from "@convirt/proto/staging";
import type { UploadReply, UploadRequest } from "@convirt/proto/upload";
import { type ClientWritableStream, Metadata } from "@grpc/grpc-js";
import { Injectable } from "@nestjs/common";
import { Refusal } from "../errors/refusal.js";
import { startThread } from "../thread.js";
import { mapAgentError, mapWireError } from "./agent-error.js";
import { AgentsService } from "./agents.service.js";
import { unary } from "./unary.js";
import type { UploadNews, UploadOrder } from "./uploader.js";

const chunkBytes = 262_144;
const messageChunks = 4;
/** Hashing a large tree on the host before it commits takes its time. */
const commitMs = 10 * 60_000;
/** So does deleting one. */
const removeMs = 10 * 60_000;

/** A tree as the images' room gives it; `root` is absolute, digests as staging.proto defines them. */
export interface SendableTree {
  name: string;
  digest: string;
  bytes: number;
  root: string;
  files: { path: string; mode: number; size: number; sha256: Buffer; chunkHashes: Buffer }[];
}

/** A file became another between its hashing and its sending. */
export class ChangedSinceHashed extends Error {
  constructor(path: string) {
    super(`Cannot stage "${path}": it changed since it was hashed`);
    this.name = "ChangedSinceHashed";
  }
}

interface Piece {
  file: number;
  chunk: number;
  data: Buffer;
}

/** Many small files are many questions, and a host may be far away. */
const offersAtOnce = 8;

/** More than this goes through a thread of its own; starting one costs a tenth of a second. */
const workerBytes = 16 * 1024 * 1024;

@Injectable()
export class StagingService {
  private readonly agents: AgentsService;
  private readonly underWay = new Map<string, Promise<void>>();

  constructor(agents: AgentsService) {
    this.agents = agents;
  }

  /** What is staged on the host now. Throws Refusal host_not_in_contact. */
  async staged(hostId: string): Promise<StagedTree[]> {
    const client = this.agents.connection(hostId).staging;
    const reply = await unary<ListStagedReply>((options, done) => client.listStaged({}, new Metadata(), options, done));
    return reply.trees;
  }

  /** Takes an image's tree off the host; the bytes that it freed. Throws Refusal host_not_in_contact, agent_too_old, and the host's own. */
  async remove(hostId: string, name: string): Promise<number> {
    const { staging, hostName } = this.agents.connection(hostId);
    if (!this.agents.has(hostId, "staging.remove"))
      throw new Refusal(
        "agent_too_old",
        `Cannot remove image "${name}" from ${hostName}: its agent is of an older release, which cannot. Update it`,
      );
    const reply = await unary<RemoveStagedReply>(
      (options, done) => staging.removeStaged({ name }, new Metadata(), options, done),
      removeMs,
    );
    return Number(reply.freedBytes);
  }

  /** Bytes that the host would have to be sent, at most: whole files count. Nothing is written there. */
  async bytesLacking(hostId: string, trees: readonly SendableTree[]): Promise<number> {
    const here = await this.staged(hostId);
    const staged = new Set(here.map((tree) => `${tree.name}\0${tree.digest}`));
    return trees
      .filter((tree) => !staged.has(`${tree.name}\0${tree.digest}`))
      .reduce((sum, tree) => sum + tree.bytes, 0);
  }

  /** Brings `tree` to the host, once for all jobs that want it there at this moment. `sent` is told of bytes as they leave. Ends early with `signal`. */
  async stage(
    hostId: string,
    tree: SendableTree,
    signal: AbortSignal,
    sent: (progress: { bytes: number; total: number }) => void,
  ): Promise<void> {
    const key = `${hostId}\0${tree.name}\0${tree.digest}`;
    // Another's staging may end early by another's signal; then it is our turn.
    for (let other = this.underWay.get(key); other !== undefined; other = this.underWay.get(key)) {
      await other.catch(() => undefined);
      signal.throwIfAborted();
    }
    const mine = this.bring(hostId, tree, signal, sent).finally(() => this.underWay.delete(key));
    this.underWay.set(key, mine);
    await mine;
  }

  private async bring(
    hostId: string,
    tree: SendableTree,
    signal: AbortSignal,
    sent: (progress: { bytes: number; total: number }) => void,
  ): Promise<void> {
    const client = this.agents.connection(hostId).staging;
    const { name, digest } = tree;
    let reply = await offer(client, { name, digest, tree: undefined });
    if (reply.answer?.$case === "treeNeeded") {
      const files = tree.files.map(({ path, mode, size, sha256 }) => ({ path, mode, size: BigInt(size), sha256 }));
      reply = await offer(client, { name, digest, tree: { name, digest, files } });
    }
    if (reply.answer?.$case === "staged") return;
    const files = reply.answer?.$case === "filesNeeded" ? reply.answer.value.files : [];
    const needed = await this.chunksNeeded(client, tree, files, signal);
    const total = needed.reduce((sum, { file, ranges }) => sum + bytesOf(tree.files[file]?.size ?? 0, ranges), 0);
    if (total > workerBytes) await this.uploadApart(hostId, tree, needed, { total, signal, sent });
    else if (needed.length > 0) await upload(client, tree, needed, signal, sent);
    await unary(
      (options, done) => client.commit({ name, treeDigest: digest }, new Metadata(), options, done),
      commitMs,
    );
  }

  /** Large uploads go through a thread of their own, which ends with the upload or with `signal`. */
  private async uploadApart(
    hostId: string,
    tree: SendableTree,
    needed: { file: number; ranges: ChunkRange[] }[],
    {
      total,
      signal,
      sent,
    }: { total: number; signal: AbortSignal; sent: (progress: { bytes: number; total: number }) => void },
  ): Promise<void> {
    signal.throwIfAborted();
    const files = needed.map(({ file, ranges }) => {
      const described = tree.files[file];
      if (described === undefined) throw new Error(`The host asks for file ${file} of ${tree.files.length}`);
      return { index: file, path: described.path, size: described.size, chunkHashes: described.chunkHashes, ranges };
    });
    const order: UploadOrder = {
      access: this.agents.connection(hostId).access(),
      name: tree.name,
      treeDigest: tree.digest,
      root: tree.root,
      files,
    };
    const takesConnections = this.agents.has(hostId, "staging.connection");
    const worker = startThread(takesConnections ? "agents/upload-worker" : "agents/upload-call-worker", order);
    let bytes = 0;
    try {
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        worker.once("error", reject);
        worker.once("exit", () => reject(new Error("the uploader ended without a word")));
        worker.on("message", (news: UploadNews) => {
          if (news.kind === "sent") {
            bytes += news.bytes;
            sent({ bytes, total });
          } else if (news.kind === "done") resolve();
          else if (news.kind === "changed") reject(new ChangedSinceHashed(news.path));
          else reject(mapWireError(news.code, news.details, news.agentCode));
        });
      });
    } finally {
      await worker.terminate();
    }
  }

  private async chunksNeeded(
    client: StagingServiceClient,
    tree: SendableTree,
    files: readonly number[],
    signal: AbortSignal,
  ): Promise<{ file: number; ranges: ChunkRange[] }[]> {
    const needed: { file: number; ranges: ChunkRange[] }[] = [];
    for (let from = 0; from < files.length; from += offersAtOnce) {
      signal.throwIfAborted();
      const asked = files.slice(from, from + offersAtOnce);
      const answers = await Promise.all(asked.map((file) => offerChunks(client, tree, file)));
      needed.push(...answers.filter(({ ranges }) => ranges.length > 0));
    }
    return needed;
  }
}

async function offerChunks(
  client: StagingServiceClient,
  tree: SendableTree,
  file: number,
): Promise<{ file: number; ranges: ChunkRange[] }> {
  const chunkHashes = tree.files[file]?.chunkHashes;
  if (chunkHashes === undefined) throw new Error(`The host asks for file ${file} of ${tree.files.length}`);
  const question = { treeDigest: tree.digest, name: tree.name, file, chunkHashes };
  const { needed } = await unary<{ needed: ChunkRange[] }>((options, done) =>
    client.offerChunks(question, new Metadata(), options, done),
  );
  return { file, ranges: needed };
}

function offer(
  client: StagingServiceClient,
  request: Parameters<StagingServiceClient["offer"]>[0],
): Promise<OfferReply> {
  return unary((options, done) => client.offer(request, new Metadata(), options, done));
}

async function upload(
  client: StagingServiceClient,
  tree: SendableTree,
  needed: { file: number; ranges: ChunkRange[] }[],
  signal: AbortSignal,
  sent: (progress: { bytes: number; total: number }) => void,
): Promise<void> {
  let bytes = 0;
  const total = needed.reduce((sum, { file, ranges }) => sum + bytesOf(tree.files[file]?.size ?? 0, ranges), 0);
  let failure: Error | undefined;
  let call: ClientWritableStream<UploadRequest> | undefined;
  const reply = new Promise<UploadReply>((resolve, reject) => {
    call = client.upload((error, answer) => {
      if (error === null) resolve(answer);
      else {
        failure = mapAgentError(error);
        reject(failure);
      }
    });
  });
  // Looked at below; a refusal that comes while we read must not count as unhandled.
  reply.catch(() => {});
  const stream = call as unknown as ClientWritableStream<UploadRequest>;
  const stop = (): void => stream.cancel();
  signal.addEventListener("abort", stop, { once: true });
  try {
    for (const { file, ranges } of needed)
      for await (const piece of readAhead(pieces(tree, file, ranges))) {
        signal.throwIfAborted();
        if (failure !== undefined) throw failure;
        await write(stream, { treeDigest: tree.digest, name: tree.name, ...piece }, reply);
        bytes += piece.data.length;
        sent({ bytes, total });
      }
    stream.end();
    await reply;
  } catch (error) {
    stream.cancel();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Resolves when the stream has room again; rejects when the host answered with an error meanwhile. */
async function write(
  stream: ClientWritableStream<UploadRequest>,
  message: UploadRequest,
  reply: Promise<UploadReply>,
): Promise<void> {
  if (stream.write(message)) return;
  let drained: (() => void) | undefined;
  const drain = new Promise<void>((resolve) => {
    drained = resolve;
    stream.once("drain", resolve);
  });
  await Promise.race([drain, reply]);
  if (drained !== undefined) stream.off("drain", drained);
}

function bytesOf(size: number, ranges: readonly ChunkRange[]): number {
  return ranges.reduce(
    (sum, { first, last }) => sum + Math.max(0, Math.min(size, (last + 1) * chunkBytes) - first * chunkBytes),
    0,
  );
}

async function* pieces(tree: SendableTree, file: number, ranges: readonly ChunkRange[]): AsyncGenerator<Piece> {
  const described = tree.files[file];
  if (described === undefined) return;
  const handle = await open(join(tree.root, described.path), "r");
  try {
    for (const { first, last } of ranges)
      for (let chunk = first; chunk <= last; chunk += messageChunks) {
        const count = Math.min(messageChunks, last - chunk + 1);
        const length = Math.min(described.size - chunk * chunkBytes, count * chunkBytes);
        if (length <= 0) throw new Error(`The host asks for chunk ${chunk} of "${described.path}", which has fewer`);
        const data = await readExactly(handle, chunk * chunkBytes, length, described.path);
        verify(data, chunk, described);
        yield { file, chunk, data };
      }
  } finally {
    await handle.close();
  }
}

async function readExactly(handle: FileHandle, from: number, length: number, path: string): Promise<Buffer> {
  const data = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(data, filled, length - filled, from + filled);
    if (bytesRead === 0) throw new ChangedSinceHashed(path);
    filled += bytesRead;
  }
  return data;
}

function verify(data: Buffer, firstChunk: number, file: SendableTree["files"][number]): void {
  for (let at = 0, chunk = firstChunk; at < data.length; at += chunkBytes, chunk += 1) {
    const digest = createHash("sha256")
      .update(data.subarray(at, at + chunkBytes))
      .digest();
    if (!digest.equals(file.chunkHashes.subarray(chunk * 32, chunk * 32 + 32))) throw new ChangedSinceHashed(file.path);
  }
}

/** Reads one piece ahead, so that the disk and the link work at the same time. */
async function* readAhead(source: AsyncGenerator<Piece>): AsyncGenerator<Piece> {
  let next = source.next();
  try {
    for (;;) {
      const { value, done } = await next;
      if (done === true) return;
      next = source.next();
      // It is awaited on the next turn; a failure until then is not unhandled.
      next.catch(() => {});
      yield value;
    }
  } finally {
    await source.return(undefined);
  }
}
