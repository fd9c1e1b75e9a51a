// Changes to images: their files, their options, new ones made like others, their end. One change of an image at a time; each is judged by
// lint before anything is written, written whole or not at all, and goes to the log with who asked for it.
import { createHash, randomBytes } from "node:crypto";
import { lstat, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DiagnosticView, DraftReply, draftBody } from "@convirt/contract/image";
import { imageNamePattern } from "@convirt/contract/names";
import type { Diagnostic } from "@convirt/image-format/diagnostic";
import { evaluate } from "@convirt/image-format/evaluate";
import { mergeValues } from "@convirt/image-format/options";
import { rewriteOptions } from "@convirt/image-format/rewrite";
import { Injectable, Logger } from "@nestjs/common";
import type { z } from "zod";
import { Refusal } from "../errors/refusal.js";
import { sanitiseDescription } from "./description.js";
import { toDiagnosticView, toOptionView } from "./image-view.js";
import { ImagesService } from "./images.service.js";
import { type Author, requirePrivileges } from "./privileges.js";
import { type ImageText, judgeTexts, readTexts } from "./reading.js";
import type { StoredImage } from "./store.js";
import { maxTextBytes } from "./tree/archive/limits.js";
import { copyTree, placeInside, readPlain, replaceFile, textOf } from "./tree/place.js";
import { maxFiles, UnfitTree } from "./tree/walk.js";

export interface OptionEdit {
  set: Record<string, unknown>;
  unset: string[];
}

type OptionFile = "image.conf" | "vm_conf.template";

const optionFiles = { imageConf: "image.conf", vmConf: "vm_conf.template" } as const;

@Injectable()
export class ImageFiles {
  private readonly logger = new Logger("images");
  private readonly turns = new Map<string, Promise<unknown>>();

  constructor(private readonly images: ImagesService) {}

  /** Runs `change` when no other change of that image is under way. */
  async inTurn<T>(name: string, change: () => Promise<T>): Promise<T> {
    const before = this.turns.get(name) ?? Promise.resolve();
    const mine = before.catch(() => undefined).then(change);
    this.turns.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.turns.get(name) === mine) this.turns.delete(name);
    }
  }

  /** A text file with the hash that a later save names. Throws Refusal not_found, or file_not_editable for what is no text. */
  async read(name: string, path: string): Promise<{ path: string; text: string; sha256: string; mode: string }> {
    const image = await this.images.byName(name);
    const file = await fileOf(image, path);
    if (file === undefined) throw new Refusal("not_found", `Image "${name}" has no file "${path.slice(0, 300)}"`);
    const text = await editable(async () => textOf(path, file.bytes));
    return { path, text, sha256: sha256(file.bytes), mode: file.mode.toString(8).padStart(4, "0") };
  }

  /** Saves a text file. `sha256` is that of the file as it was read, null for a new one; a file that is another by now is refused. */
  async save(
    name: string,
    path: string,
    save: { text: string; sha256: string | null; force: boolean; by: Author },
  ): Promise<{ sha256: string; diagnostics: DiagnosticView[] }> {
    return await this.inTurn(name, async () => {
      const image = await this.images.byName(name);
      const before = await fileOf(image, path);
      const standing = before === undefined ? null : sha256(before.bytes);
      if (standing !== save.sha256) {
        throw new Refusal(
          "changed_meanwhile",
          `Cannot save "${path}" of image "${name}": it has changed since it was read`,
          {
            details: { sha256: standing },
          },
        );
      }
      if (before === undefined && (image.tree?.files.length ?? 0) >= maxFiles - 1) {
        throw new Refusal("file_not_editable", `Image "${name}" holds ${maxFiles} files, which is the most`);
      }
      const text = /^description\.html?$/.test(path) ? sanitiseDescription(save.text) : save.text;
      const bytes = Buffer.from(text);
      await editable(async () => {
        if (bytes.length > maxTextBytes)
          throw new UnfitTree(path, `it would hold ${bytes.length} bytes; ${maxTextBytes} are the most`);
        textOf(path, bytes);
      });
      const mode = path === "provision.sh" ? 0o755 : (before?.mode ?? (text.startsWith("#!") ? 0o755 : 0o644));
      const diagnostics = await this.judge(
        image,
        new Map([[path, { text: save.text, executable: mode === 0o755 }]]),
        save.force,
      );
      requirePrivileges(name, save.by, withText(image, path, text), image);
      await editable(async () => replaceFile(await placeInside(image.root, path), bytes, mode));
      this.audit("image.file_saved", name, save.by.username, {
        path,
        sha256: sha256(bytes),
        before: standing,
        force: save.force,
      });
      await this.images.byName(name);
      return { sha256: sha256(bytes), diagnostics: diagnostics.map(toDiagnosticView) };
    });
  }

  /** Sets and unsets options in the image's files; every comment and untouched byte stays. Both are judged before either is written. */
  async editOptions(
    name: string,
    edits: Partial<Record<keyof typeof optionFiles, OptionEdit>>,
    force: boolean,
    by: Author,
  ): Promise<void> {
    await this.inTurn(name, async () => {
      const image = await this.images.byName(name);
      const changed = new Map<string, { text: string; executable: boolean }>();
      for (const key of ["imageConf", "vmConf"] as const) {
        const edit = edits[key];
        if (edit !== undefined)
          changed.set(optionFiles[key], {
            text: rewritten(sourceOf(image, optionFiles[key]), optionFiles[key], edit),
            executable: false,
          });
      }
      await this.judge(image, changed, force);
      const after = [...changed].reduce<Sources>((sources, [path, { text }]) => withText(sources, path, text), image);
      requirePrivileges(name, by, after, image);
      for (const [path, { text }] of changed) {
        const mode = image.tree?.files.find((file) => file.path === path)?.mode ?? 0o644;
        await editable(async () => replaceFile(await placeInside(image.root, path), Buffer.from(text), mode));
      }
      this.audit("image.options_edited", name, by.username, { files: [...changed.keys()], force });
      await this.images.byName(name);
    });
  }

  /** Judges the image as it would be with these texts, after options are set in them. Writes nothing. Throws Refusal option_invalid, image_rejected. */
  async draft(name: string, draft: z.output<typeof draftBody>): Promise<DraftReply> {
    const image = await this.images.byName(name);
    const texts = image.tree === undefined ? new Map<string, ImageText>() : await readTexts(image.tree);
    for (const [path, text] of Object.entries(draft.files))
      texts.set(path, { text, executable: texts.get(path)?.executable ?? path === "provision.sh" });
    const rewrites: Record<string, string> = {};
    for (const key of ["imageConf", "vmConf"] as const) {
      const edit = draft[key];
      const file = optionFiles[key];
      if (edit === undefined) continue;
      const text = rewritten(texts.get(file)?.text ?? "", file, edit);
      rewrites[file] = text;
      texts.set(file, { text, executable: false });
    }
    const { accepted, diagnostics, options, descriptionHtml } = await judgeTexts(name, texts);
    return {
      accepted,
      diagnostics: diagnostics.map(toDiagnosticView),
      options: options.map(toOptionView),
      descriptionHtml,
      rewritten: rewrites,
    };
  }

  /** A new image with the files of `name`. Throws Refusal name_taken. */
  async createLike(name: string, newName: string, by: Author): Promise<void> {
    await this.inTurn(newName, async () => {
      const image = await this.images.byName(name);
      if (image.found === undefined)
        throw new Refusal("image_rejected", `Cannot copy image "${name}": ${image.reason ?? "rejected"}`);
      requirePrivileges(newName, by, image);
      const target = await this.free(newName);
      const aside = join(this.images.store.root, `.convirt-copy-${randomBytes(8).toString("hex")}`);
      try {
        await copyTree(image.found, aside);
        const evaluation = evaluate(image.vmConf, { file: "vm_conf.template", predefined: "vm_conf" });
        if (evaluation.ok && evaluation.options.has("image_name")) {
          const text = rewritten(image.vmConf, "vm_conf.template", { set: { image_name: newName }, unset: [] });
          await replaceFile(join(aside, "vm_conf.template"), Buffer.from(text), 0o644);
        }
        await rename(aside, target);
      } catch (error) {
        await rm(aside, { recursive: true, force: true });
        throw error;
      }
      this.audit("image.created_like", newName, by.username, { like: name });
      await this.images.byName(newName);
    });
  }

  /** Removes the image. Throws Refusal image_in_use while VMs of it are recorded, unless forced. */
  async remove(name: string, force: boolean, by: string): Promise<void> {
    await this.inTurn(name, async () => {
      const image = await this.images.byName(name);
      const vms = await this.images.usersOf(name);
      if (vms > 0 && !force) {
        throw new Refusal(
          "image_in_use",
          `Cannot remove image "${name}": ${vms} VMs were made of it; remove them first, or force`,
          {
            details: { vms },
          },
        );
      }
      const aside = join(this.images.store.root, `.convirt-removed-${randomBytes(8).toString("hex")}`);
      await rename(image.root, aside);
      this.audit("image.removed", name, by, { force, vms, version: image.tree?.digest });
      await rm(aside, { recursive: true, force: true });
      await this.images.forget(name);
    });
  }

  /** The folder of an image that is not there yet. Throws Refusal bad_image_name and name_taken. */
  async free(name: string): Promise<string> {
    if (!imageNamePattern.test(name))
      throw new Refusal("bad_image_name", `"${name.slice(0, 80)}" is no name for an image`);
    if (!this.images.store.mayBeImage(name)) {
      throw new Refusal("bad_image_name", `"${name}" is a folder of the store's own, so no image can have its name`);
    }
    const target = join(this.images.store.root, name);
    const standing = await lstat(target).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (standing !== undefined)
      throw new Refusal("name_taken", `There is an image "${name}" already; choose another name`);
    return target;
  }

  audit(act: string, image: string, by: string, more: Record<string, unknown>): void {
    this.logger.log({ msg: "audit", act, image, by, ...more });
  }

  /** Lint's findings about the image with `changed` in it. Throws Refusal image_rejected for an error, unless forced. */
  private async judge(
    image: StoredImage,
    changed: ReadonlyMap<string, { text: string; executable: boolean }>,
    force: boolean,
  ): Promise<Diagnostic[]> {
    const texts =
      image.tree === undefined ? new Map<string, { text: string; executable: boolean }>() : await readTexts(image.tree);
    for (const [path, file] of changed) texts.set(path, file);
    const { diagnostics } = await judgeTexts(image.name, texts);
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    if (errors.length > 0 && !force) {
      throw new Refusal(
        "image_rejected",
        `Image "${image.name}" would be rejected: ${errors[0]?.file}:${errors[0]?.line}: ${errors[0]?.message}`,
        {
          details: { diagnostics: diagnostics.map((one) => ({ ...toDiagnosticView(one) })) },
        },
      );
    }
    return diagnostics;
  }
}

type Sources = Pick<StoredImage, "imageConf" | "vmConf">;

/** The two files as they are with another text in one of them; of other files nothing is known here. */
function withText({ imageConf, vmConf }: Sources, path: string, text: string): Sources {
  return { imageConf: path === "image.conf" ? text : imageConf, vmConf: path === "vm_conf.template" ? text : vmConf };
}

function sourceOf({ imageConf, vmConf }: StoredImage, file: OptionFile): string {
  return file === "image.conf" ? imageConf : vmConf;
}

function rewritten(source: string, file: OptionFile, edit: OptionEdit): string {
  const evaluation = evaluate(source, { file, predefined: file === "image.conf" ? "image_conf" : "vm_conf" });
  if (!evaluation.ok) {
    const first = evaluation.diagnostics[0];
    throw new Refusal("image_rejected", `Cannot edit options of ${file}: line ${first?.line}: ${first?.message}`);
  }
  // `name` is the VM's, so a request cannot set it; an image's own file may.
  const { name, ...others } = edit.set;
  const merged = mergeValues(evaluation.options, others, { file, enforce: false });
  if (!("options" in merged)) {
    const fields = merged.refusals.map((refusal) => ({ path: `${file}.${refusal.name}`, message: refusal.message }));
    throw new Refusal("option_invalid", `Cannot edit options of ${file}: ${fields[0]?.message}`, { fields });
  }
  const set = new Map([...merged.options].filter(([key]) => Object.hasOwn(others, key)));
  if (typeof name === "string") set.set("name", name);
  return rewriteOptions(source, { set, unset: edit.unset }, { file });
}

async function fileOf(image: StoredImage, path: string): Promise<{ bytes: Buffer; mode: number } | undefined> {
  return await editable(async () => readPlain(await placeInside(image.root, path), maxTextBytes));
}

/** Runs `act`; what an image cannot hold becomes a Refusal. */
async function editable<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof UnfitTree) throw new Refusal("file_not_editable", error.message);
    throw error;
  }
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
