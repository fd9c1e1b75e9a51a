// Images as archives, out and in. An import is received into a folder of its own beside the images (same file system, a name that no scan
// looks at), judged there, and becomes an image by one rename; whatever stops it, nothing of it remains and nothing that was there has changed.
import { randomBytes } from "node:crypto";
import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { imageNamePattern } from "@convirt/contract/names";
import { Inject, Injectable } from "@nestjs/common";
import { Refusal } from "../errors/refusal.js";
import { ImageFiles } from "./files.js";
import { ImagesService } from "./images.service.js";
import { isGenericScript } from "./modernise.js";
import { type Author, requirePrivileges } from "./privileges.js";
import { IMAGE_SETTINGS, type ImageSettings } from "./settings.js";
import { type ArchiveFormat, compressor, NoZstd } from "./tree/archive/compression.js";
import { BadArchive, maxTextBytes } from "./tree/archive/limits.js";
import { receiveArchive } from "./tree/archive/receive.js";
import { tarOf } from "./tree/archive/write.js";
import { readPlain, replaceFile } from "./tree/place.js";
import { UnfitTree, walkTree } from "./tree/walk.js";

export interface ImportRequest {
  name: string | undefined;
  modernise: boolean;
  replace: boolean;
  /** Who it is with an image of that name; throws unless they may write one. */
  by: (name: string) => Author;
}

@Injectable()
export class ImageTransfer {
  constructor(
    private readonly images: ImagesService,
    private readonly files: ImageFiles,
    @Inject(IMAGE_SETTINGS) private readonly settings: ImageSettings,
  ) {}

  /** The image as an archive, to be written into `output`. Throws Refusal before the first byte; after it the stream breaks off. */
  async export(
    name: string,
    format: ArchiveFormat,
    by: string,
  ): Promise<(output: NodeJS.WritableStream) => Promise<void>> {
    const image = await this.images.byName(name);
    if (image.found === undefined)
      throw new Refusal("image_rejected", `Cannot export image "${name}": ${image.reason ?? "rejected"}`);
    const { found } = image;
    const pack = await compressor(format).catch(refuseNoZstd);
    this.files.audit("image.exported", name, by, { format, version: image.tree?.digest });
    return (output) => pipeline(Readable.from(tarOf(name, found), { objectMode: false }), pack, output);
  }

  /**
   * Takes an archive in as an image; gives its name. An image that lint finds errors in is imported and listed as rejected; one without
   * vm_conf.template is none. Throws Refusal archive_invalid, archive_too_large, bad_image_name, name_taken.
   */
  async import(body: Readable, request: ImportRequest): Promise<string> {
    const aside = join(this.images.store.root, `.convirt-import-${randomBytes(8).toString("hex")}`);
    const received = join(aside, "received");
    await mkdir(received, { recursive: true, mode: 0o700 });
    try {
      const { topFolder, bytes } = await receiveArchive(body, received, this.settings.archive);
      const name = request.name ?? topFolder;
      if (name === undefined)
        throw new Refusal(
          "archive_invalid",
          "Cannot import: the archive has no folder at its top, so say the image's name",
        );
      if (!imageNamePattern.test(name))
        throw new Refusal("bad_image_name", `Cannot import: "${name.slice(0, 80)}" is no name for an image`);
      const by = request.by(name);
      const root = topFolder === undefined ? received : join(received, topFolder);
      await this.inspect(root);
      requirePrivileges(name, by, await sourcesIn(root));
      const modernised = request.modernise && (await this.modernise(root));
      await chmod(root, 0o755);
      await this.files.inTurn(name, () => this.moveIn(root, name, aside, request.replace));
      this.files.audit("image.imported", name, by.username, { bytes, replace: request.replace, modernised });
      return name;
    } catch (error) {
      throw asRefusal(error);
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
  }

  private async inspect(root: string): Promise<void> {
    const found = await walkTree(root);
    if (!found.files.some(({ path }) => path === "vm_conf.template")) {
      throw new BadArchive("invalid", "it holds no vm_conf.template, so it is no image");
    }
  }

  private async moveIn(root: string, name: string, aside: string, replace: boolean): Promise<void> {
    const standing = await this.images.store.image(name);
    if (standing !== undefined && !replace)
      throw new Refusal(
        "name_taken",
        `Cannot import: there is an image "${name}" already; choose another name, or replace it`,
      );
    if (standing === undefined) await rename(root, await this.files.free(name));
    else {
      const old = join(aside, "replaced");
      await rename(standing.root, old);
      try {
        await rename(root, standing.root);
      } catch (error) {
        await rename(old, standing.root);
        throw error;
      }
    }
    await this.images.byName(name);
  }

  /** Swaps ConVirt's own generic script for ours; an image's own script stays as it is. */
  private async modernise(root: string): Promise<boolean> {
    if (this.settings.shippedDir === undefined) return false;
    const script = await readPlain(join(root, "provision.sh"), maxTextBytes);
    if (script === undefined || !isGenericScript(script.bytes.toString("utf8"))) return false;
    const ours = await readPlain(join(this.settings.shippedDir, "example", "provision.sh"), maxTextBytes);
    if (ours === undefined) return false;
    await replaceFile(join(root, "provision.sh"), ours.bytes, 0o755);
    return true;
  }
}

async function sourcesIn(root: string): Promise<{ imageConf: string; vmConf: string }> {
  const text = async (name: string) => (await readPlain(join(root, name), maxTextBytes))?.bytes.toString("utf8") ?? "";
  return { imageConf: await text("image.conf"), vmConf: await text("vm_conf.template") };
}

function asRefusal(error: unknown): unknown {
  if (error instanceof BadArchive) {
    return new Refusal(
      error.kind === "invalid" ? "archive_invalid" : "archive_too_large",
      `Cannot import the archive: ${error.message}`,
    );
  }
  if (error instanceof UnfitTree) return new Refusal("archive_invalid", `Cannot import the archive: ${error.message}`);
  if (error instanceof NoZstd) return new Refusal("archive_invalid", `Cannot import the archive: ${error.message}`);
  return error;
}

function refuseNoZstd(error: unknown): never {
  if (error instanceof NoZstd) throw new Refusal("bad_request", `Cannot export: ${error.message}`);
  throw error;
}
