// Image files on this host. The controller offers a tree; this room answers with what it lacks, takes it in verified chunks, and puts the whole in place when
// all of it is there. A tree that a script uses is not changed under it. What was received before a cut stays and counts.
import { constants } from "node:fs";
import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import type {
  CommitRequest,
  OfferChunksRequest,
  OfferReply,
  OfferRequest,
  StagedTree,
  StagingServiceServer,
  Tree,
} from "@convirt/proto/staging";
import type { UploadRequest } from "@convirt/proto/upload";
import type { AgentConfig } from "../config/config.js";
import { Refusal } from "../errors/errors.js";
import { bootId, freeBytes } from "../host/facts.js";
import type { Log } from "../log.js";
import type { Handlers } from "../server/handlers.js";
import { Assembly, noSpaceOr } from "./assembly.js";
import { ChunkThread } from "./chunk-thread.js";
import { placeEmpty, removeOthers, setMode } from "./layout.js";
import { TreeLocks } from "./locks.js";
import { ChangedMeanwhile, type Older } from "./older.js";
import { Parts } from "./parts.js";
import { type FileRecord, looksOf, Records } from "./record.js";
import { Removal, type UserOf } from "./removal.js";
import { checkTree, checkTreeName } from "./tree.js";

export interface StagingDependencies {
  config: AgentConfig;
  log: Log;
  handlers: Handlers;
}

/** A tree that is being staged: which files are to come, and those that have begun to. */
interface Session {
  tree: Tree;
  needed: Set<number>;
  /** Files of the version before that are the same, by path. */
  kept: Map<string, FileRecord>;
  assemblies: Map<number, Promise<Assembly>>;
}

const mostSessions = 64;
/** Kept free beside what is staged, for logs and journal. */
const reserveBytes = 16 * 1024 * 1024;
export class Staging {
  readonly #storeDir: string;
  readonly #records: Records;
  readonly #parts: Parts;
  readonly #removal: Removal;
  readonly #locks = new TreeLocks();
  readonly #sessions = new Map<string, Session>();
  readonly #handlers: Handlers;
  readonly #bootId = bootId();
  readonly #waiters = new Set<() => void>();

  constructor(deps: StagingDependencies) {
    this.#storeDir = deps.config.storeDir;
    this.#parts = new Parts(deps.config.storeDir);
    this.#records = new Records(deps.config.stateDir);
    const { storeDir } = deps.config;
    this.#removal = new Removal({ storeDir, records: this.#records, parts: this.#parts, locks: this.#locks });
    this.#handlers = deps.handlers;
  }

  /** `userOf` names a job under way that needs the tree; undefined when there is none. */
  service(userOf: UserOf): StagingServiceServer {
    const { unary, clientStream } = {
      unary: this.#handlers.unary.bind(this.#handlers),
      clientStream: this.#handlers.clientStream.bind(this.#handlers),
    };
    return {
      offer: unary((request) => this.offer(request)),
      offerChunks: unary((request) => this.offerChunks(request)),
      upload: clientStream((messages) => this.upload(messages)),
      commit: unary((request, signal) => this.commit(request, signal)),
      listStaged: unary(async () => ({ trees: await this.staged() })),
      removeStaged: unary(async (request, signal) => ({
        freedBytes: BigInt(await this.remove(request.name, userOf, signal)),
      })),
    };
  }

  /** What was left by uploads long ago, and by removals that were cut, is given up. */
  async sweep(): Promise<void> {
    await Promise.all([this.#parts.sweepOld(), this.#removal.sweep()]);
  }

  /** Lets go of what is open; what was received stays on the disk, and counts when the tree is offered again. */
  async close(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map((session) => this.#forget(session)));
  }

  /** Those of the trees that are not here in this version. */
  async lacking<T extends { name: string; digest: string }>(trees: readonly T[]): Promise<T[]> {
    const here = await Promise.all(trees.map((tree) => this.#isStaged(tree.name, tree.digest)));
    return trees.filter((_, index) => !here[index]);
  }

  /** Resolves at the next commit of any tree. */
  async nextCommit(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const done = () => {
        this.#waiters.delete(done);
        signal.removeEventListener("abort", gone);
        resolve();
      };
      const gone = () => {
        this.#waiters.delete(done);
        reject(signal.reason as Error);
      };
      this.#waiters.add(done);
      signal.addEventListener("abort", gone, { once: true });
    });
  }

  /** Holds the trees as they are until the returned function is called. */
  async use(names: readonly string[], signal: AbortSignal): Promise<() => void> {
    const releases: (() => void)[] = [];
    const release = () => {
      for (const one of releases.splice(0)) one();
    };
    try {
      // Always in the same order, so that two jobs never wait for each other.
      for (const name of [...names].sort()) releases.push(await this.#locks.shared(name, signal));
      for (const name of names) this.#records.used(name);
    } catch (error) {
      release();
      throw error;
    }
    return release;
  }

  async offer(request: OfferRequest): Promise<OfferReply> {
    checkTreeName(request.name);
    if (await this.#isStaged(request.name, request.digest)) return { answer: { $case: "staged", value: {} } };
    if (request.tree === undefined) return { answer: { $case: "treeNeeded", value: {} } };
    if (request.tree.name !== request.name || request.tree.digest !== request.digest)
      throw new Refusal("bad_request", "The tree is not the one that was offered");
    checkTree(request.tree);
    await access(this.#storeDir, constants.W_OK).catch((error: unknown) => {
      throw noSpaceOr(error, this.#storeDir);
    });
    const session = await this.#begin(request.tree);
    const files = [...session.needed];
    const bytes = files.reduce((sum, index) => sum + Number(session.tree.files[index]?.size ?? 0n), 0);
    const free = await freeBytes(this.#storeDir);
    const wanted = bytes - (await this.#parts.received(session.tree, files)) + reserveBytes;
    if (wanted > free) {
      throw new Refusal(
        "no_space",
        `Cannot stage image "${request.name}": ${sizeText(free)} free, ${sizeText(wanted)} needed`,
      );
    }
    return { answer: { $case: "filesNeeded", value: { files, bytes: BigInt(bytes), freeBytes: BigInt(free) } } };
  }

  async offerChunks(request: OfferChunksRequest): Promise<{ needed: { first: number; last: number }[] }> {
    if (await this.#isStaged(request.name, request.treeDigest)) return { needed: [] };
    const session = this.#session(request);
    const file = session.tree.files[request.file];
    const begun = session.assemblies.get(request.file);
    if (begun !== undefined) return { needed: (await begun).needed() };
    if (file === undefined || !session.needed.has(request.file))
      throw new Refusal("bad_request", `File ${request.file} of "${request.name}" was not asked for`);
    const hashes = Buffer.from(request.chunkHashes);
    const size = Number(file.size);
    if (hashes.length === 32 && !hashes.equals(file.sha256))
      throw new Refusal("digest_mismatch", `The chunk of "${file.path}" is not the file that was offered`);
    const assembly = this.#olderOf(request.name, file.path).then((older) =>
      Assembly.begin(this.#parts.fileOf(session.tree, request.file), size, hashes, older),
    );
    session.assemblies.set(request.file, assembly);
    try {
      return { needed: (await assembly).needed() };
    } catch (error) {
      session.assemblies.delete(request.file);
      throw noSpaceOr(error, file.path);
    }
  }

  /** The version of a file that is here, if it is as it was when its chunks were hashed. */
  async #olderOf(tree: string, path: string): Promise<Older | undefined> {
    const record = this.#records.get(tree);
    const before = record?.files.find((one) => one.path === path);
    if (record === undefined || before === undefined || record.bootId !== this.#bootId) return undefined;
    const { looks } = before;
    const older = {
      path: join(this.#storeDir, tree, before.path),
      chunks: Buffer.from(before.chunks, "base64"),
      looks,
    };
    return (await looksOf(older.path)) === looks ? older : undefined;
  }

  /** `back` is given the memory in which a large file's messages came, when it is free. */
  async upload(messages: AsyncIterable<UploadRequest>, back?: (room: ArrayBuffer) => void): Promise<{ bytes: bigint }> {
    let bytes = 0n;
    const touched = new Map<Assembly, () => void>();
    const thread = new ChunkThread(back);
    try {
      for await (const message of messages) {
        const session = this.#sessions.get(keyOf(message.name, message.treeDigest));
        // Another job has brought the rest meanwhile, and the tree is in place.
        if (session === undefined && (await this.#isStaged(message.name, message.treeDigest))) continue;
        const { assemblies } = this.#session(message);
        const assembly = await assemblies.get(message.file);
        if (assembly === undefined)
          throw new Refusal("bad_request", `The chunks of file ${message.file} were not offered`);
        touched.set(assembly, () => assemblies.delete(message.file));
        const { length } = message.data;
        await assembly.take(message.chunk, message.data, thread);
        bytes += BigInt(length);
      }
      for (const assembly of touched.keys()) await assembly.settle();
    } finally {
      for (const [assembly, forget] of touched) {
        await assembly.quiet();
        if (!assembly.isBroken) continue;
        // Once there is room again, it is begun anew from what is on the disk.
        forget();
        await assembly.close();
      }
      await thread.close();
    }
    return { bytes };
  }

  async commit(request: CommitRequest, signal: AbortSignal): Promise<Record<string, never>> {
    checkTreeName(request.name);
    if (!(await this.#isStaged(request.name, request.treeDigest))) await this.#commit(request, signal);
    for (const wake of [...this.#waiters]) wake();
    return {};
  }

  async #commit(request: CommitRequest, signal: AbortSignal): Promise<void> {
    const release = await this.#locks.exclusive(request.name, signal);
    try {
      // Whoever shares the session may have been first.
      if (await this.#isStaged(request.name, request.treeDigest)) return;
      const session = this.#session(request);
      await this.#complete(session);
      try {
        await this.#putInPlace(session);
      } finally {
        // When it failed, parts are in place and others not: the session has no meaning any more, and the tree is offered anew.
        await this.#forget(session);
      }
      await this.#parts.sweepOf(request.name, this.#underWay());
    } catch (error) {
      throw noSpaceOr(error, request.name);
    } finally {
      release();
    }
  }

  /** Throws a Refusal when something did not come, or when what was here and counted on has changed since the offer. */
  async #complete(session: Session): Promise<void> {
    const { tree } = session;
    for (const index of session.needed) {
      if (!session.assemblies.has(index)) throw new Refusal("bad_request", `"${tree.files[index]?.path}" did not come`);
    }
    try {
      for (const { path, looks } of session.kept.values()) {
        const here = join(this.#storeDir, tree.name, path);
        if ((await looksOf(here)) !== looks) throw new ChangedMeanwhile(here);
      }
      for (const assembly of session.assemblies.values()) await (await assembly).finish();
    } catch (error) {
      if (error instanceof ChangedMeanwhile) await this.#forget(session);
      throw error;
    }
  }

  /** What it received stays on the disk, and counts when the tree is offered again. */
  async #forget({ tree, assemblies }: Session): Promise<void> {
    this.#sessions.delete(keyOf(tree.name, tree.digest));
    // One that could not be begun was told to whoever offered it.
    for (const assembly of assemblies.values())
      await assembly.then(
        (one) => one.close(),
        () => undefined,
      );
  }

  async #putInPlace(session: Session): Promise<void> {
    const { tree } = session;
    const root = join(this.#storeDir, tree.name);
    // From here until the new record is there the tree is in between: without a record it would be staged anew.
    this.#records.drop(tree.name);
    const files: FileRecord[] = [];
    for (const [index, file] of tree.files.entries()) {
      const assembly = await session.assemblies.get(index);
      const kept = session.kept.get(file.path);
      if (assembly !== undefined) await assembly.place(root, file.path, file.mode);
      else if (kept === undefined) await placeEmpty(this.#parts.fileOf(tree, index), root, file.path, file.mode);
      else if (kept.mode !== file.mode) await setMode(root, file.path, file.mode);
      const looks = await looksOf(join(root, file.path));
      files.push({
        path: file.path,
        mode: file.mode,
        size: Number(file.size),
        sha256: Buffer.from(file.sha256).toString("hex"),
        chunks: assembly === undefined ? (kept?.chunks ?? "") : assembly.hashes.toString("base64"),
        looks: looks ?? "",
      });
    }
    await removeOthers(root, new Set(tree.files.map((file) => file.path)));
    this.#records.put({
      name: tree.name,
      digest: tree.digest,
      stagedAt: new Date().toISOString(),
      bootId: this.#bootId,
      files,
    });
  }

  async #begin(tree: Tree): Promise<Session> {
    const key = keyOf(tree.name, tree.digest);
    // Two jobs may bring the same tree at once: they share the session, and a chunk that comes twice is written twice.
    const begun = this.#sessions.get(key);
    if (begun !== undefined) return begun;
    const [oldest] = this.#sessions.values();
    if (this.#sessions.size >= mostSessions && oldest !== undefined) await this.#forget(oldest);
    const kept = await this.#keepable(tree);
    const sameMoment = this.#sessions.get(key);
    if (sameMoment !== undefined) return sameMoment;
    const needed = new Set(
      [...tree.files.entries()].filter(([, file]) => !kept.has(file.path) && file.size > 0n).map(([index]) => index),
    );
    const session: Session = { tree, needed, kept, assemblies: new Map() };
    this.#sessions.set(key, session);
    return session;
  }

  /** Files that are here already with the right bytes. */
  async #keepable(tree: Tree): Promise<Map<string, FileRecord>> {
    const record = this.#records.get(tree.name);
    const kept = new Map<string, FileRecord>();
    if (record === undefined || record.bootId !== this.#bootId) return kept;
    const byPath = new Map(record.files.map((file) => [file.path, file]));
    for (const file of tree.files) {
      const before = byPath.get(file.path);
      if (before === undefined || before.sha256 !== Buffer.from(file.sha256).toString("hex")) continue;
      if ((await looksOf(join(this.#storeDir, tree.name, file.path))) === before.looks) kept.set(file.path, before);
    }
    return kept;
  }

  async #isStaged(name: string, digest: string): Promise<boolean> {
    const record = this.#records.get(name);
    if (record === undefined || record.digest !== digest || record.bootId !== this.#bootId) return false;
    const looks = await Promise.all(record.files.map((file) => looksOf(join(this.#storeDir, name, file.path))));
    return record.files.every((file, index) => looks[index] === file.looks);
  }

  async staged(): Promise<StagedTree[]> {
    const names = await readdir(this.#storeDir);
    const records = names.filter((name) => !name.startsWith(".")).map((name) => this.#records.get(name));
    return records
      .filter((record) => record !== undefined)
      .map((record) => ({
        name: record.name,
        digest: record.digest,
        stagedAt: record.stagedAt,
        lastUsedAt: this.#records.usedAt(record.name).toISOString(),
        bytes: BigInt(record.files.reduce((sum, file) => sum + file.size, 0)),
      }));
  }

  /** Takes an image's tree off the host; the bytes that it freed. */
  remove(name: string, userOf: UserOf, signal: AbortSignal): Promise<number> {
    return this.#removal.remove(name, { userOf, underWay: () => this.#underWay() }, signal);
  }

  #underWay(): Tree[] {
    return [...this.#sessions.values()].map((one) => one.tree);
  }

  #session(request: { name: string; treeDigest: string }): Session {
    const session = this.#sessions.get(keyOf(request.name, request.treeDigest));
    if (session === undefined)
      throw new Refusal("not_found", `The tree "${request.name}" in version ${request.treeDigest} was not offered`);
    return session;
  }
}

function keyOf(name: string, digest: string): string {
  return `${name}\n${digest}`;
}

function sizeText(bytes: number): string {
  return bytes < 1024 ** 3 ? `${(bytes / 1024 ** 2).toFixed(1)} MiB` : `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}
