// The door of the images' room: what the store holds, and the trees that provisioning stages. It keeps the reading of the store fresh (at the
// start, on request, when files change) and remembers which versions were seen. It never runs anything of an image.
import { setTimeout as delay } from "node:timers/promises";
import { type Grant, sees } from "@convirt/contract/access";
import type { ImageSummary, ImageView } from "@convirt/contract/image";
import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  Optional,
} from "@nestjs/common";
import { type FSWatcher, watch } from "chokidar";
import { holds, pageOf, sortBy } from "../database/paging.js";
import { Refusal } from "../errors/refusal.js";
import { EventsService } from "../events/events.service.js";
import { StoredHashes } from "./hash-memory.js";
import { IMAGE_USERS, type ImageUsers } from "./image-users.js";
import { toSummary, toView } from "./image-view.js";
import { IMAGE_SETTINGS, type ImageSettings } from "./settings.js";
import { ImageStore, type StoredImage } from "./store.js";
import type { Tree } from "./tree/hash.js";
import { VersionHistory } from "./version-history.js";

/** Editors and copies write in bursts; the scan waits for the end of one, but never longer than the second number. */
const settleMs = 300;
const settleAtMostMs = 5000;
/** A list waits so long for the first reading of the store. */
const firstReadMs = 2_000;
const sortable = ["name", "accepted", "platform", "osName", "bytes", "changedAt", "vms"] as const;

export interface ImageFilter {
  page: number;
  perPage: number;
  sort?: string | undefined;
  accepted?: boolean | undefined;
  name?: string | undefined;
}

export interface ScanOutcome {
  images: number;
  accepted: number;
  rejected: number;
  changed: string[];
}

@Injectable()
export class ImagesService implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly store: ImageStore;
  private readonly logger = new Logger("images");
  private watcher: FSWatcher | undefined;
  private pending: NodeJS.Timeout | undefined;
  private pendingSinceMs = 0;
  private scanning: Promise<ScanOutcome> | undefined;
  /** The first reading of the store since the start; never rejects. */
  private first: Promise<void> = Promise.resolve();
  private isRead = false;
  private readonly stopped = new AbortController();

  constructor(
    @Inject(IMAGE_SETTINGS) settings: ImageSettings,
    private readonly hashes: StoredHashes,
    private readonly history: VersionHistory,
    private readonly events: EventsService,
    @Optional() @Inject(IMAGE_USERS) private readonly users?: ImageUsers,
  ) {
    this.store = new ImageStore(settings.storeDir, hashes, this.stopped.signal);
  }

  /** Nobody waits for the whole store to be read, which takes minutes for many gigabytes that are new: an image that is asked for is read then. */
  async onApplicationBootstrap(): Promise<void> {
    await this.store.open();
    this.first = this.readFirst()
      .catch((error: unknown) => this.scanFailed(error))
      .finally(() => {
        this.isRead = true;
      });
  }

  private async readFirst(): Promise<void> {
    const outcome = await this.scan();
    await this.history.forgetAbsent(new Set(this.store.all().map(({ name }) => name)));
    this.logger.log({ msg: "image store read", dir: this.store.root, ...outcome, changed: outcome.changed.length });
    if (!this.stopped.signal.aborted) this.watch();
  }

  private watch(): void {
    // Depth 3 sees each image's files and its script folders; what lies deeper is found by the stamps when the image is asked for.
    this.watcher = watch(this.store.root, {
      ignoreInitial: true,
      followSymlinks: false,
      depth: 3,
      ignored: /(^|\/)\.[^/]+$/,
    });
    this.watcher.on("all", () => this.soon());
    // What changed while the watcher looked round for the first time was told to nobody.
    this.watcher.on("ready", () => this.soon());
    this.watcher.on("error", (error) =>
      this.logger.warn({ msg: "the image store is not watched", reason: String(error) }),
    );
  }

  async onApplicationShutdown(): Promise<void> {
    clearTimeout(this.pending);
    this.stopped.abort(new Error("the controller stops"));
    await this.watcher?.close();
    await Promise.all([this.first, this.scanning?.catch(() => undefined)]);
  }

  private scanFailed(error: unknown): void {
    if (this.stopped.signal.aborted) return;
    this.logger.error({ msg: "scan of the image store failed", err: error });
  }

  private soon(): void {
    const now = Date.now();
    if (this.pending === undefined) this.pendingSinceMs = now;
    clearTimeout(this.pending);
    const wait = Math.max(0, Math.min(settleMs, this.pendingSinceMs + settleAtMostMs - now));
    this.pending = setTimeout(() => {
      this.pending = undefined;
      this.scan().catch((error: unknown) => this.scanFailed(error));
    }, wait);
  }

  /** Reads the store again. Two requests at once share the scan that begins after both were made. */
  async scan(): Promise<ScanOutcome> {
    await this.scanning?.catch(() => undefined);
    this.scanning ??= this.scanNow().finally(() => {
      this.scanning = undefined;
    });
    return await this.scanning;
  }

  private async scanNow(): Promise<ScanOutcome> {
    await this.hashes.load();
    const { changed } = await this.store.scan();
    const images = this.store.all();
    const roots = images.map(({ root }) => `${root}/`);
    const companions = ["common", "custom_scripts"].map((name) => `${this.store.root}/${name}/`);
    await this.hashes.prune((path) => [...roots, ...companions].some((root) => path.startsWith(root)));
    await this.hashes.save();
    for (const image of images) await this.record(image);
    for (const name of changed) this.events.changed("images", name);
    const accepted = images.filter((image) => image.accepted).length;
    return { images: images.length, accepted, rejected: images.length - accepted, changed };
  }

  /** Remembers the image's version and what it holds, the first time that it is seen. */
  private async record(image: StoredImage): Promise<void> {
    if (await this.history.record(image)) this.events.changed("images", image.name);
  }

  /** The image as it is on the disk now. Throws Refusal not_found. */
  async byName(name: string): Promise<StoredImage> {
    await this.hashes.load();
    const image = await this.store.image(name);
    if (image === undefined) throw new Refusal("not_found", `There is no image "${name.slice(0, 80)}"`);
    await this.record(image);
    return image;
  }

  /**
   * The trees that `name` needs on a host: the image first, then `common` and `custom_scripts` when the store has them. Throws Refusal
   * not_found, or image_rejected when the folder holds what no tree may.
   */
  async trees(name: string): Promise<Tree[]> {
    const image = await this.byName(name);
    if (image.tree === undefined)
      throw new Refusal("image_rejected", `Cannot stage image "${name}": ${image.reason ?? "rejected"}`);
    const trees = await this.store.treesOf(name);
    await this.hashes.save();
    return trees;
  }

  /** Those that the reader sees; in the first moments of a large store, those that have been read by then. */
  async list(
    filter: ImageFilter,
    reader: { grants: readonly Grant[] },
  ): Promise<{ items: ImageSummary[]; total: number; page: number; perPage: number }> {
    if (!this.isRead) await Promise.race([this.first, delay(firstReadMs, undefined, { ref: false })]);
    const vms = (await this.users?.countAll()) ?? new Map<string, number>();
    const all = this.store
      .all()
      .filter((image) => sees(reader, "image", image.name))
      .filter((image) => filter.accepted === undefined || image.accepted === filter.accepted)
      .filter((image) => holds(image.name, filter.name))
      .map((image) => toSummary(image, vms.get(image.name) ?? 0));
    return pageOf(sortBy(all, filter.sort ?? "name", sortable), filter);
  }

  async show(name: string): Promise<ImageView> {
    const image = await this.byName(name);
    return toView(image, await this.usersOf(name), await this.history.newest(name));
  }

  /** Forgets an image that was removed: its versions, and what they held. */
  async forget(name: string): Promise<void> {
    await this.store.image(name);
    await this.history.forget(name);
  }

  /** How many VMs were made of it. */
  async usersOf(name: string): Promise<number> {
    return (await this.users?.countByImage(name)) ?? 0;
  }
}
