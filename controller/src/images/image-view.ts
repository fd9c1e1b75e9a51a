// What the API shows of an image: field by field, so that nothing is shown that was not meant to be.
import type { DiagnosticView, FileDiff, ImageSummary, ImageView, OptionView } from "@convirt/contract/image";
import type { Diagnostic } from "@convirt/image-format/diagnostic";
import { toJsonText } from "@convirt/image-format/json";
import type { OptionDescription } from "@convirt/image-format/options";
import type { ImageVersionEntity, ImageVersionFileEntity } from "./image.entity.js";
import type { StoredImage } from "./store.js";

export function toSummary(image: StoredImage, vms: number): ImageSummary {
  return {
    name: image.name,
    accepted: image.accepted,
    template: image.name.startsWith("_"),
    reason: image.reason ?? null,
    platform: image.platform,
    hvm: image.hvm,
    osFlavor: image.osFlavor ?? null,
    osName: image.osName ?? null,
    osVersion: image.osVersion ?? null,
    version: image.tree?.digest ?? null,
    bytes: image.tree?.bytes ?? 0,
    changedAt: image.changedAt.toISOString(),
    vms,
  };
}

export function toView(image: StoredImage, vms: number, versions: ImageVersionEntity[]): ImageView {
  return {
    ...toSummary(image, vms),
    descriptionHtml: image.descriptionHtml,
    diagnostics: image.diagnostics.map(toDiagnosticView),
    options: image.options.map(toOptionView),
    files: (image.tree?.files ?? []).map((file) => ({
      path: file.path,
      bytes: file.size,
      mode: modeText(file.mode),
      sha256: file.sha256.toString("hex"),
    })),
    versions: versions.map((version) => toVersionView(version, image.tree?.digest)),
  };
}

/** `current` is the version that stands in the store. */
export function toVersionView(
  { version, seenAt, files, bytes }: ImageVersionEntity,
  current: string | undefined,
): ImageView["versions"][number] {
  return { version, seenAt, files, bytes: Number(bytes), current: version === current };
}

export function toFileState({ mode, bytes, sha256 }: ImageVersionFileEntity): NonNullable<FileDiff["before"]> {
  return { mode: modeText(mode), bytes: Number(bytes), sha256 };
}

function modeText(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

export function toOptionView({
  name,
  file,
  type,
  default: value,
  computed,
  customizable,
  reach,
  secret,
}: OptionDescription): OptionView {
  return {
    name,
    file,
    type,
    default: secret ? "" : JSON.parse(toJsonText(value)),
    computed,
    customizable,
    reach,
    secret,
  };
}

export function toDiagnosticView({ file, line, column, severity, code, message, advice }: Diagnostic): DiagnosticView {
  return { file, line, column, severity, code, message, advice };
}
