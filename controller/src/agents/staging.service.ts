// Brings image trees to a host: offers them by digest, and sends only the chunks that the host lacks. What is sent is hashed again on the way, chunk by chunk, against
// the hashes that were offered: a file that changed meanwhile stops the upload before it can mislead.
import type {
  ChunkRange,
  ListStagedReply,
  OfferReply,
  RemoveStagedReply,
  StagedTree,
  StagingServiceClient,
} from "@convirt/proto/staging";
import { Metadata } from "@grpc/grpc-js";
import { Injectable } from "@nestjs/common";
import { Refusal } from "../errors/refusal.js";
import { AgentsService } from "./agents.service.js";
import { largeBytes, uploadLarge } from "./large-upload.js";
import { bytesNeeded, type NeededFile, type SendableTree, type Sent } from "./sendable.js";
import { uploadSmall } from "./small-upload.js";
import { unary } from "./unary.js";

/** Hashing a large tree on the host before it commits takes its time. */
const commitMs = 10 * 60_000;
/** So does deleting one. */
const removeMs = 10 * 60_000;

/** Many small files are many questions, and a host may be far away. */
const offersAtOnce = 8;

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
  async stage(hostId: string, tree: SendableTree, signal: AbortSignal, sent: Sent): Promise<void> {
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

  private async bring(hostId: string, tree: SendableTree, signal: AbortSignal, sent: Sent): Promise<void> {
    const connection = this.agents.connection(hostId);
    const client = connection.staging;
    const { name, digest } = tree;
    let reply = await offer(client, { name, digest, tree: undefined });
    if (reply.answer?.$case === "treeNeeded") {
      const files = tree.files.map(({ path, mode, size, sha256 }) => ({ path, mode, size: BigInt(size), sha256 }));
      reply = await offer(client, { name, digest, tree: { name, digest, files } });
    }
    if (reply.answer?.$case === "staged") return;
    const files = reply.answer?.$case === "filesNeeded" ? reply.answer.value.files : [];
    const needed = await this.chunksNeeded(client, tree, files, signal);
    const total = bytesNeeded(tree, needed);
    if (total > largeBytes) {
      const takesConnections = this.agents.has(hostId, "staging.connection");
      await uploadLarge({ access: connection.access(), takesConnections }, tree, needed, { total, signal, sent });
    } else if (needed.length > 0) await uploadSmall(client, tree, needed, { total, signal, sent });
    await unary(
      (options, done) => client.commit({ name, treeDigest: digest }, new Metadata(), options, done),
      commitMs,
    );
  }

  private async chunksNeeded(
    client: StagingServiceClient,
    tree: SendableTree,
    files: readonly number[],
    signal: AbortSignal,
  ): Promise<NeededFile[]> {
    const needed: NeededFile[] = [];
    for (let from = 0; from < files.length; from += offersAtOnce) {
      signal.throwIfAborted();
      const asked = files.slice(from, from + offersAtOnce);
      const answers = await Promise.all(asked.map((file) => offerChunks(client, tree, file)));
      needed.push(...answers.filter(({ ranges }) => ranges.length > 0));
    }
    return needed;
  }
}

async function offerChunks(client: StagingServiceClient, tree: SendableTree, file: number): Promise<NeededFile> {
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
