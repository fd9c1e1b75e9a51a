// The image store as it stands on the disk. The folders are the truth; what is kept here is a reading of them, looked at again (by stamps)
// each time an image is asked for, so that neither a lost file event nor an edit by hand is ever served as if it had not been.
// A scan never fails as a whole: a folder that cannot be an image is listed with the reason. Only one scan runs at a time.
import { lstat, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { imageNamePattern } from "@convirt/contract/names";
import { evaluate } from "@convirt/image-format/evaluate";
import { type ImageReading, readImage, rejectedReading } from "./reading.js";
import { ChangedWhileRead, type HashMemory, hashTree, type Tree } from "./tree/hash.js";
import { maxNameBytes } from "./tree/names.js";
import { readTextFile } from "./tree/place.js";
import { isSettled, isUnchanged } from "./tree/sweep.js";
import { type FoundTree, printable, UnfitTree, walkTree } from "./tree/walk.js";

/** Folders beside the images that travel with each of them. */
const companions = ["common", "custom_scripts"] as const;
const notImages: ReadonlySet<string> = new Set([...companions, "example"]);
const maxImages = 2000;
/** While one waits for the disk or for bash, another is judged. */
const readAtOnce = 4;

/** A folder of the store, as last read. `tree` and `found` are missing when it could not be walked. */
export interface StoredImage extends ImageReading {
  name: string;
  root: string;
  tree: Tree | undefined;
  found: FoundTree | undefined;
  changedAt: Date;
}

interface Held<T> {
  value: T;
  found: FoundTree | undefined;
  /** False while a stamp was too young to be told from a later change's. */
  settled: boolean;
}

export class ImageStore {
  readonly root: string;
  private readonly memory: HashMemory;
  private readonly stopped: AbortSignal;
  private readonly images = new Map<string, Held<StoredImage>>();
  private readonly trees = new Map<string, Held<Tree>>();
  private readonly reading = new Map<string, Promise<unknown>>();
  /** Folders of the store that are no images, as of the last scan. */
  private excluded = notImages;

  /** What is being read when `stopped` is aborted rejects with its reason. */
  constructor(root: string, memory: HashMemory, stopped: AbortSignal) {
    this.root = root;
    this.memory = memory;
    this.stopped = stopped;
  }

  /** Before anything is asked for. Throws when the store's folder cannot be made or read. */
  async open(): Promise<void> {
    await mkdir(this.root, { recursive: true, mode: 0o755 });
    await this.names();
  }

  /** Reads the store's folders anew; gives the names of the images that came, went or changed. */
  async scan(): Promise<{ changed: string[] }> {
    await mkdir(this.root, { recursive: true, mode: 0o755 });
    const names = await this.names();
    const changed: string[] = [];
    const look = async (name: string) => {
      const before = this.images.get(name)?.value;
      const after = await this.image(name);
      if (after !== undefined && !sameReading(before, after)) changed.push(name);
    };
    for (let from = 0; from < names.length; from += readAtOnce) {
      await Promise.all(names.slice(from, from + readAtOnce).map(look));
    }
    const there = new Set(names);
    for (const name of [...this.images.keys()]) {
      if (there.has(name)) continue;
      this.images.delete(name);
      changed.push(name);
    }
    return { changed: changed.sort() };
  }

  /** All images as last read, by name. */
  all(): StoredImage[] {
    return [...this.images.values()].map(({ value }) => value).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The image as it is on the disk now; undefined when there is none of that name. A name that a request brings never leads out of the store. */
  async image(name: string): Promise<StoredImage | undefined> {
    if (!this.mayBeImage(name)) return undefined;
    return await this.fresh(
      `image ${name}`,
      () => this.images.get(name),
      () => this.readAnew(name),
    );
  }

  /** The trees that provisioning `name` needs on a host: the image, and the store's `common` and `custom_scripts` if they are there. */
  async treesOf(name: string): Promise<Tree[]> {
    const image = await this.image(name);
    const trees = image?.tree === undefined ? [] : [image.tree];
    for (const companion of companions) {
      const tree = await this.companion(companion);
      if (tree !== undefined) trees.push(tree);
    }
    return trees;
  }

  private async companion(name: string): Promise<Tree | undefined> {
    return await this.fresh(
      `tree ${name}`,
      () => this.trees.get(name),
      async () => {
        this.trees.delete(name);
        if (!(await isFolder(join(this.root, name)))) return undefined;
        const { tree, found, settled } = await this.readTree(name);
        this.trees.set(name, { value: tree, found, settled });
        return tree;
      },
    );
  }

  private async readAnew(name: string): Promise<StoredImage | undefined> {
    const root = join(this.root, name);
    const stats = await lstat(root).catch(absent);
    if (stats === undefined || !(stats.isDirectory() || stats.isSymbolicLink())) {
      this.images.delete(name);
      return undefined;
    }
    const reject = (why: string, file = ""): Held<StoredImage> => ({
      value: { name, root, tree: undefined, found: undefined, changedAt: stats.mtime, ...rejectedReading(file, why) },
      found: undefined,
      settled: false,
    });
    let held: Held<StoredImage>;
    if (!imageNamePattern.test(name)) held = reject(`"${printable(name)}" is no name for an image`);
    else {
      try {
        const { tree, found, settled } = await this.readTree(name);
        const read = await readImage(name, tree);
        held = { value: { name, root, tree, found, changedAt: new Date(found.changedAtMs), ...read }, found, settled };
      } catch (error) {
        held = reject(rejection(error), error instanceof UnfitTree ? error.file : "");
      }
    }
    this.images.set(name, held);
    return held.value;
  }

  /** Walks and hashes; once more, at most three times, when a file changes meanwhile. */
  private async readTree(name: string): Promise<{ tree: Tree; found: FoundTree; settled: boolean }> {
    for (let attempt = 1; ; attempt++) {
      const lookedAtMs = Date.now();
      const found = await walkTree(join(this.root, name));
      try {
        const tree = await hashTree(name, found, this.memory, this.stopped);
        const stamps = [...found.files, ...found.folders].map(({ stamp }) => stamp);
        return { tree, found, settled: isSettled(stamps, lookedAtMs) };
      } catch (error) {
        if (!(error instanceof ChangedWhileRead) || attempt === 3) throw error;
      }
    }
  }

  /** Whether a folder right in the store with this name would be listed: accepted, or rejected with a reason. */
  mayBeImage(name: string): boolean {
    const single =
      name !== "" && !/[/\0]/.test(name) && !name.startsWith(".") && Buffer.byteLength(name) <= maxNameBytes;
    return single && !this.excluded.has(name);
  }

  private async names(): Promise<string[]> {
    this.excluded = await this.excludes();
    const entries = await readdir(this.root, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .map(({ name }) => name)
      .filter((name) => this.mayBeImage(name))
      .sort()
      .slice(0, maxImages);
  }

  /** `excludes` of image_store.conf and the folders that are never images. A conf that does not evaluate excludes nothing more. */
  private async excludes(): Promise<ReadonlySet<string>> {
    const source = await readTextFile(this.root, "image_store.conf", 64 * 1024);
    if (source === undefined) return notImages;
    const evaluation = evaluate(source, { file: "image_store.conf" });
    const listed = evaluation.ok ? evaluation.options.get("excludes") : undefined;
    const names = Array.isArray(listed) ? listed.filter((name) => typeof name === "string") : [];
    return new Set([...notImages, ...names]);
  }

  /**
   * What is held when it still holds, else a new reading. Who comes while one is under way waits and looks again: that reading may have begun
   * before the change that the caller has made.
   */
  private async fresh<T>(
    key: string,
    held: () => Held<T> | undefined,
    read: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    for (;;) {
      const now = held();
      if (now?.settled && now.found !== undefined && (await isUnchanged(now.found))) return now.value;
      const running = this.reading.get(key);
      if (running === undefined) break;
      await running.catch(() => undefined);
    }
    const started = read();
    this.reading.set(key, started);
    try {
      return await started;
    } finally {
      this.reading.delete(key);
    }
  }
}

function sameReading(a: StoredImage | undefined, b: StoredImage): boolean {
  return a !== undefined && a.tree?.digest === b.tree?.digest && a.accepted === b.accepted && a.reason === b.reason;
}

function rejection(error: unknown): string {
  if (error instanceof UnfitTree || error instanceof ChangedWhileRead) return error.message;
  const code = (error as NodeJS.ErrnoException).code;
  // A folder that cannot be read is the image's trouble; anything without a system code is a bug and stays one.
  if (typeof code === "string" && code.startsWith("E") && !code.startsWith("ERR_"))
    return `its files cannot be read: ${code}`;
  throw error;
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT") return undefined;
  throw error;
}

async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(absent))?.isDirectory() ?? false;
}
