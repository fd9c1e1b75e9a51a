// The versions of images: which were seen, and what each held, so that any two can be compared. A version is written down once, when it is first
// seen; its texts are kept by their hash, once for all versions, but for those that hold the value of a secret option. Old versions go, with the texts that no other
// holds: see docs/decisions/0016.
import { Inject, Injectable, Optional } from "@nestjs/common";
import { DataSource, type EntityManager, In, Like, type Repository } from "typeorm";
import { now } from "../database/columns.js";
import { inTransaction } from "../database/write-queue.js";
import { Refusal } from "../errors/refusal.js";
import { ImageTextEntity, ImageVersionEntity, ImageVersionFileEntity, type Kept } from "./image.entity.js";
import { IMAGE_JOBS, IMAGE_USERS, type ImageUsers, type VersionNamers } from "./image-users.js";
import type { StoredImage } from "./store.js";
import type { Tree } from "./tree/hash.js";
import { secretsOf } from "./version-secrets.js";
import { chosenTexts, textAsHashed } from "./version-texts.js";

/** Of an image, the newest; as many as are shown. */
export const versionsKept = 100;
/** Beside these, such as VMs and jobs name. */
const namedVersionsKept = 1_000;
/** Of images that were taken out of the store by hand: a store that was not mounted for once shall not cost its history. */
const absentImagesKept = 500;
const rowsTogether = 100;

/** What is to be written down of a version's files. */
interface Contents {
  files: Omit<ImageVersionFileEntity, "image" | "version">[];
  texts: ImageTextEntity[];
}

@Injectable()
export class VersionHistory {
  /** The version of each image that was seen last, and whether all of it is written down. */
  private readonly recorded = new Map<string, { version: string; isWhole: boolean }>();
  private readonly versions: Repository<ImageVersionEntity>;
  private readonly files: Repository<ImageVersionFileEntity>;
  private readonly texts: Repository<ImageTextEntity>;

  constructor(
    private readonly dataSource: DataSource,
    @Optional() @Inject(IMAGE_USERS) private readonly users?: ImageUsers,
    @Optional() @Inject(IMAGE_JOBS) private readonly jobs?: VersionNamers,
  ) {
    this.versions = dataSource.getRepository(ImageVersionEntity);
    this.files = dataSource.getRepository(ImageVersionFileEntity);
    this.texts = dataSource.getRepository(ImageTextEntity);
  }

  /** Writes the image's version down unless it is; whether it is another than when this process last looked. */
  async record({ name, tree }: StoredImage): Promise<boolean> {
    if (tree === undefined) return false;
    const last = this.recorded.get(name);
    const isNews = last?.version !== tree.digest;
    if (!isNews && last.isWhole) return false;
    const version = { image: name, version: tree.digest };
    const isKnown = await this.versions.existsBy(version);
    const isStored = tree.files.length === 0 || (await this.files.existsBy(version));
    // One that has changed while its texts were read is looked at again when the image is next asked for.
    const isWhole = (isKnown && isStored) || (await this.write(tree, version));
    this.recorded.set(name, { version: tree.digest, isWhole });
    if (!isKnown) await this.prune(name, tree.digest);
    return isNews;
  }

  /** The newest first. */
  async newest(image: string): Promise<ImageVersionEntity[]> {
    return await this.versions.find({
      where: { image },
      order: { seenAt: "DESC", version: "ASC" },
      take: versionsKept,
    });
  }

  /** The version whose digest begins so. Throws Refusal bad_request and not_found. */
  async find(image: string, prefix: string): Promise<ImageVersionEntity> {
    if (!/^[0-9a-f]{8,64}$/.test(prefix))
      throw new Refusal("bad_request", `"${prefix.slice(0, 80)}" is no version: give 8 to 64 of its digits (0-9, a-f)`);
    const [found, another] = await this.versions.find({ where: { image, version: Like(`${prefix}%`) }, take: 2 });
    if (found === undefined)
      throw new Refusal(
        "not_found",
        `Image "${image}" has no version ${prefix} among those that are kept: its page and \`convirt image show\` list them`,
      );
    if (another !== undefined)
      throw new Refusal("bad_request", `Several versions of image "${image}" begin with ${prefix}: give more digits`);
    return found;
  }

  /** The files of a version, by path. Throws Refusal version_not_kept. */
  async filesOf({ image, version, files }: ImageVersionEntity): Promise<Map<string, ImageVersionFileEntity>> {
    const rows = await this.files.findBy({ image, version });
    if (rows.length !== files) throw notKept(image, version);
    return new Map(rows.map((row) => [row.path, row]));
  }

  /** The text of a file that was kept. Throws Refusal not_found when its version has gone meanwhile. */
  async textOf({ image, version, sha256 }: ImageVersionFileEntity): Promise<string> {
    const row = await this.texts.findOneBy({ sha256 });
    if (row === null)
      throw new Refusal("not_found", `Version ${version.slice(0, 12)} of image "${image}" has just been forgotten`);
    return row.text;
  }

  /** All versions of an image that was removed go, with their texts. */
  async forget(image: string): Promise<void> {
    this.recorded.delete(image);
    await this.remove(
      image,
      (await this.versions.findBy({ image })).map(({ version }) => version),
    );
  }

  /** Of images that are not `present`, so many stay; those go first that had no new version for the longest. */
  async forgetAbsent(present: ReadonlySet<string>): Promise<void> {
    const rows = await this.versions
      .createQueryBuilder("seen")
      .select("seen.image", "image")
      .addSelect("MAX(seen.seenAt)", "last")
      .groupBy("seen.image")
      .getRawMany<{ image: string; last: string }>();
    const absent = rows.filter(({ image }) => !present.has(image)).sort((a, b) => (a.last < b.last ? 1 : -1));
    for (const { image } of absent.slice(absentImagesKept)) await this.forget(image);
  }

  /** Whether it could be written down with all of its files. */
  private async write(tree: Tree, version: { image: string; version: string }): Promise<boolean> {
    const contents = await this.contentsOf(tree);
    return await inTransaction(this.dataSource, async (tx) => {
      const values = { ...version, seenAt: now(), files: tree.files.length, bytes: String(tree.bytes) };
      await tx.createQueryBuilder().insert().into(ImageVersionEntity).values(values).orIgnore().execute();
      return contents !== undefined && (await writeContents(tx, version, contents));
    });
  }

  /** Texts that are stored already are not read again, unless the image holds secrets, which may stand in any. Undefined when the files are not those of `tree` any more. */
  private async contentsOf(tree: Tree): Promise<Contents | undefined> {
    const chosen = chosenTexts(tree.files);
    const looked = tree.files.filter(({ path }) => chosen.get(path) === "look");
    const secrets = await secretsOf(tree);
    if (secrets === undefined) return undefined;
    const stored = secrets.isNone ? await storedTexts(this.dataSource.manager, looked.map(hexOf)) : new Set<string>();
    const contents: Contents = { files: [], texts: [] };
    for (const file of tree.files) {
      const sha256 = hexOf(file);
      let kept: Kept | "look" = chosen.get(file.path) ?? "beyond_limit";
      if (kept === "look" && !stored.has(sha256)) {
        const read = await textAsHashed(tree, file);
        if (read === undefined) return undefined;
        if (read === "binary") kept = "binary";
        else if (secrets.standIn(file.path, read.text)) kept = "secret";
        else contents.texts.push({ sha256, text: read.text });
      }
      const { path, mode, size } = file;
      contents.files.push({ path, mode, bytes: String(size), sha256, kept: kept === "look" ? "text" : kept });
    }
    return contents;
  }

  /** Takes the old versions, but not the one that stands in the store, nor such as a VM or a job names. */
  private async prune(image: string, current: string): Promise<void> {
    const rows = await this.versions.find({
      select: { image: true, version: true },
      where: { image },
      order: { seenAt: "DESC", version: "ASC" },
      skip: versionsKept,
      take: 2 * namedVersionsKept,
    });
    const old = rows.map(({ version }) => version).filter((version) => version !== current);
    if (old.length === 0) return;
    const named = [await this.users?.namedVersions(image, old), await this.jobs?.namedVersions(image, old)];
    const kept = new Set(named.flatMap((versions) => versions ?? []));
    await this.remove(
      image,
      old.filter((version, index) => !kept.has(version) || index >= namedVersionsKept),
    );
  }

  private async remove(image: string, versions: readonly string[]): Promise<void> {
    for (const version of versions)
      await inTransaction(this.dataSource, async (tx) => {
        const rows = await tx.findBy(ImageVersionFileEntity, { image, version, kept: "text" });
        await tx.delete(ImageVersionFileEntity, { image, version });
        await tx.delete(ImageVersionEntity, { image, version });
        await removeUnheld(tx, [...new Set(rows.map(({ sha256 }) => sha256))]);
      });
  }
}

/** Writes files and texts of a version; false, and nothing is written, when a text has gone that was there when it was looked for. */
async function writeContents(
  tx: EntityManager,
  version: { image: string; version: string },
  { files, texts }: Contents,
): Promise<boolean> {
  for (const text of texts)
    await tx.createQueryBuilder().insert().into(ImageTextEntity).values(text).orIgnore().execute();
  const wanted = new Set(files.filter(({ kept }) => kept === "text").map(({ sha256 }) => sha256));
  if ((await storedTexts(tx, [...wanted])).size < wanted.size) {
    await removeUnheld(
      tx,
      texts.map(({ sha256 }) => sha256),
    );
    return false;
  }
  for (let first = 0; first < files.length; first += rowsTogether) {
    const rows = files.slice(first, first + rowsTogether).map((file) => ({ ...version, ...file }));
    await tx.createQueryBuilder().insert().into(ImageVersionFileEntity).values(rows).orIgnore().execute();
  }
  return true;
}

async function removeUnheld(tx: EntityManager, texts: readonly string[]): Promise<void> {
  for (let first = 0; first < texts.length; first += rowsTogether) {
    const some = texts.slice(first, first + rowsTogether);
    const held = await tx
      .createQueryBuilder(ImageVersionFileEntity, "file")
      .select("DISTINCT file.sha256", "sha256")
      .where({ sha256: In(some) })
      .getRawMany<{ sha256: string }>();
    const stay = new Set(held.map(({ sha256 }) => sha256));
    const go = some.filter((sha256) => !stay.has(sha256));
    if (go.length > 0) await tx.delete(ImageTextEntity, { sha256: In(go) });
  }
}

async function storedTexts(manager: EntityManager, texts: readonly string[]): Promise<ReadonlySet<string>> {
  const stored = new Set<string>();
  for (let first = 0; first < texts.length; first += rowsTogether) {
    const sha256 = In(texts.slice(first, first + rowsTogether));
    for (const row of await manager.find(ImageTextEntity, { select: { sha256: true }, where: { sha256 } }))
      stored.add(row.sha256);
  }
  return stored;
}

function hexOf({ sha256 }: { sha256: Buffer }): string {
  return sha256.toString("hex");
}

function notKept(image: string, version: string): Refusal {
  return new Refusal(
    "version_not_kept",
    `Cannot compare version ${version.slice(0, 12)} of image "${image}": what it held is not kept. It was first seen by a release that kept digests alone; only versions seen since, and the one that stands in the store, can be compared`,
  );
}
