// Compares what two versions of an image held, file by file. One file at a time is in memory, and after each the controller does other things.
import type { FileDiff, ImageDiff } from "@convirt/contract/image";
import { Injectable } from "@nestjs/common";
import type { ImageVersionEntity, ImageVersionFileEntity } from "./image.entity.js";
import { toFileState, toVersionView } from "./image-view.js";
import { ImagesService } from "./images.service.js";
import { VersionHistory } from "./version-history.js";
import { type Budget, diffTexts } from "./version-hunks.js";

/** Of one answer, and of one file in it. */
const mostFiles = 1_000;
const mostLines = 10_000;
const mostLinesOfFile = 4_000;
const mostCharacters = 1024 * 1024;
/** Of one file and of all: nothing else happens in the process while a file is compared. */
const fileMs = 100;
const allMs = 2_000;

type Pair = { path: string; before: ImageVersionFileEntity | undefined; after: ImageVersionFileEntity | undefined };

@Injectable()
export class VersionComparison {
  constructor(
    private readonly images: ImagesService,
    private readonly history: VersionHistory,
  ) {}

  /** `before` and `after` are digests or what they begin with. Throws Refusal not_found, bad_request, version_not_kept. */
  async between(name: string, before: string, after: string): Promise<ImageDiff> {
    const { tree } = await this.images.byName(name);
    const one = await this.history.find(name, before);
    const other = await this.history.find(name, after);
    const { differing, same } = await this.pairs(one, other);
    const budget: Budget = { lines: mostLines, characters: mostCharacters };
    const deadlineMs = performance.now() + allMs;
    const files: FileDiff[] = [];
    for (const pair of differing.slice(0, mostFiles)) {
      files.push(await this.compare(pair, budget, deadlineMs));
      await new Promise((resolve) => setImmediate(resolve));
    }
    return {
      image: name,
      before: toVersionView(one, tree?.digest),
      after: toVersionView(other, tree?.digest),
      files,
      same,
      filesLeftOut: differing.length - files.length,
    };
  }

  /** The files that are not the same in both, by path. */
  private async pairs(
    one: ImageVersionEntity,
    other: ImageVersionEntity,
  ): Promise<{ differing: Pair[]; same: number }> {
    const before = await this.history.filesOf(one);
    const after = await this.history.filesOf(other);
    const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
    const pairs = paths.map((path) => ({ path, before: before.get(path), after: after.get(path) }));
    const differing = pairs.filter(
      (pair) => pair.before?.sha256 !== pair.after?.sha256 || pair.before?.mode !== pair.after?.mode,
    );
    return { differing, same: pairs.length - differing.length };
  }

  private async compare({ path, before, after }: Pair, budget: Budget, deadlineMs: number): Promise<FileDiff> {
    const facts = { path, before: before ? toFileState(before) : null, after: after ? toFileState(after) : null };
    const change = before === undefined ? "added" : after === undefined ? "removed" : "changed";
    if (before?.sha256 === after?.sha256)
      return { ...facts, change: "mode_changed", shown: "text", hunks: [], coarse: false, linesLeftOut: 0 };
    const hidden = [before, after].map((file) => file?.kept ?? "text").find((kept) => kept !== "text");
    if (hidden !== undefined) return { ...facts, change, shown: hidden, hunks: [], coarse: false, linesLeftOut: 0 };
    const texts = [await this.textOf(before), await this.textOf(after)] as const;
    const own: Budget = { ...budget, lines: Math.min(budget.lines, mostLinesOfFile) };
    const spare = budget.lines - own.lines;
    const diff = diffTexts(...texts, own, Math.min(fileMs, deadlineMs - performance.now()));
    Object.assign(budget, { lines: own.lines + spare, characters: own.characters });
    return { ...facts, change, shown: "text", ...diff };
  }

  private async textOf(file: ImageVersionFileEntity | undefined): Promise<string> {
    return file === undefined ? "" : await this.history.textOf(file);
  }
}
