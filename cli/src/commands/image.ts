import { once } from "node:events";
import { createWriteStream, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ImageSummary, ImageView } from "@convirt/contract/image";
import { type Command, Option } from "commander";
import { assignment } from "../assignment.js";
import { withContext } from "../context.js";
import { editFile } from "../edit.js";
import { CommandFailed, exitCodes } from "../exit.js";
import { ago, plain, size, table } from "../output.js";
import { type ListFlags, listOptions, listQuery, moreLine } from "../paging.js";
import { diagnosticLines } from "./diagnostics.js";
import { diffImage } from "./image-diff.js";
import { localImageCommands } from "./image-local.js";

/** The newest; all are in `--json`. */
const versionsShown = 10;

export function imageCommands(program: Command): void {
  const image = program
    .command("image")
    .description("images: list, show, diff, lint, render, create-like, edit, import, export, remove");
  listImages(image);
  showImage(image);
  diffImage(image);
  localImageCommands(image);
  changeImages(image);
  moveImages(image);
}

function listImages(image: Command): void {
  listOptions(image.command("list").description("list images, rejected ones with the reason"), "name")
    .option("--name <part>", "names that hold this")
    .option("--rejected", "only those that are rejected")
    .option("--scan", "read the image store again first")
    .action((flags: ListFlags & Record<string, string>, command: Command) =>
      withContext(command, async ({ client, show }) => {
        if (flags["scan"]) await client.call("scanImages");
        const images = await client.call("listImages", {
          query: { ...listQuery(flags), name: flags["name"], accepted: flags["rejected"] ? "false" : undefined },
        });
        show(images, (answer) =>
          answer.items.length === 0 ? "No images." : imageTable(answer.items) + moreLine(answer),
        );
      }),
    );
}

function showImage(image: Command): void {
  image
    .command("show <name>")
    .description("one image: options, files, versions, findings")
    .action((name: string, _flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) =>
        show(await client.call("showImage", { params: { name } }), imageText),
      ),
    );
}

function changeImages(image: Command): void {
  image
    .command("create-like <image> <name>")
    .description("make a new image like another")
    .action((like: string, name: string, _flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const made = await client.call("createLike", { params: { name: like }, body: { name } });
        show(made, () => `Image "${name}" is made. Change it: convirt image edit ${name} image.conf`);
      }),
    );

  image
    .command("edit <image> <file>")
    .description("edit a file of an image in $EDITOR, linted before it is saved; options alone: image set")
    .option("--force", "save although lint finds errors")
    .action((name: string, file: string, flags: { force?: boolean }, command: Command) =>
      withContext(command, (context) => editFile(context, name, file, flags.force ?? false)),
    );

  image
    .command("set <image>")
    .description("set options in an image's files; comments stay")
    .addOption(assignment("--image <name=value>", "an option of image.conf"))
    .addOption(assignment("--vm <name=value>", "an option of vm_conf.template"))
    .option("--force", "save although lint finds errors")
    .action(
      (
        name: string,
        flags: { image?: Record<string, unknown>; vm?: Record<string, unknown>; force?: boolean },
        command: Command,
      ) =>
        withContext(command, async ({ client, show }) => {
          const body = {
            imageConf: { set: flags.image ?? {} },
            vmConf: { set: flags.vm ?? {} },
            force: flags.force ?? false,
          };
          show(await client.call("editOptions", { params: { name }, body }), imageText);
        }),
    );

  image
    .command("remove <name>")
    .description("remove an image from the store")
    .option("--force", "although VMs of it exist")
    .action((name: string, flags: { force?: boolean }, command: Command) =>
      withContext(command, async ({ client, show }) => {
        show(
          await client.call("removeImage", { params: { name }, query: { force: flags.force } }),
          () => `Image "${name}" is removed.`,
        );
      }),
    );
}

function moveImages(image: Command): void {
  image
    .command("import <archive>")
    .description("import an image from a tar, tar.gz or tar.zst; `-` reads standard input")
    .option("--name <name>", "call it so")
    .option("--modernise", "swap ConVirt's own generic provision.sh for today's")
    .option("--replace", "take the place of an image of that name")
    .action((archive: string, flags: { name?: string; modernise?: boolean; replace?: boolean }, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const stream = archive === "-" ? process.stdin : (await open(archive)).createReadStream();
        const made = await client.call("importImage", {
          query: { name: flags.name, modernise: flags.modernise, replace: flags.replace },
          stream,
        });
        show(made, imageText);
      }),
    );

  image
    .command("export <name>")
    .description("export an image as an archive")
    .addOption(new Option("--format <format>", "tar, gz or zst").choices(["tar", "gz", "zst"]).default("gz"))
    .option("-o, --output <file>", "write here; `-` is standard output")
    .action((name: string, flags: { format: string; output?: string }, command: Command) =>
      withContext(command, async ({ client }) => {
        const output = flags.output ?? `${name}.tar${flags.format === "tar" ? "" : `.${flags.format}`}`;
        if (output === "-" && process.stdout.isTTY)
          throw new CommandFailed(
            exitCodes.usage,
            "Cannot write an archive to a terminal: redirect it, or name a file with --output.",
          );
        const response = await client.open("exportImage", { params: { name }, query: { format: flags.format } });
        if (output === "-") return await pipeline(response.body, process.stdout);
        await writeWhole(response.body, output);
        process.stderr.write(`${output} is written.\n`);
      }),
    );
}

/** Takes no file's place, and leaves no part of an archive behind when the rest does not come. */
async function writeWhole(archive: Readable, path: string): Promise<void> {
  const file = createWriteStream(path, { flags: "wx" });
  await once(file, "open");
  try {
    await pipeline(archive, file);
  } catch (error) {
    rmSync(path, { force: true });
    if (error instanceof Error && "syscall" in error && "path" in error) throw error;
    throw new CommandFailed(
      exitCodes.unreachable,
      `Cannot export to ${path}: the archive broke off (${error instanceof Error ? error.message : String(error)}); nothing is kept of it.`,
    );
  }
}

function imageTable(images: readonly ImageSummary[]): string {
  return table(
    ["NAME", "STATE", "OS", "SIZE", "VMS", "CHANGED", "VERSION"],
    images.map((one) => [
      one.name,
      one.accepted ? (one.template ? "template" : "ok") : `rejected: ${one.reason ?? ""}`,
      [one.osName, one.osVersion].filter(Boolean).join(" ") || null,
      size(one.bytes),
      one.vms,
      ago(one.changedAt),
      one.version?.slice(0, 12) ?? null,
    ]),
  );
}

function imageText(image: ImageView): string {
  const state = image.accepted
    ? image.template
      ? "a template, for create-like only"
      : "can be provisioned"
    : `rejected: ${image.reason ?? ""}`;
  const lines = [
    `Image ${image.name}: ${state}`,
    `  platform ${image.platform}, ${image.hvm ? "HVM" : "PV or PVH"}, ${size(image.bytes)}, version ${image.version?.slice(0, 12) ?? "-"}`,
  ];
  const marks = (one: ImageView["options"][number]) => (one.computed ? "computed" : one.customizable ? "" : "locked");
  const sheet = table(
    ["OPTION", "FILE", "TYPE", "DEFAULT", ""],
    image.options.map((one) => [one.name, one.file, one.type, shorten(one.default), marks(one)]),
  );
  const files = table(
    ["FILE", "SIZE", "MODE"],
    image.files.map((one) => [one.path, size(one.bytes), one.mode]),
  );
  const versions = table(
    ["VERSION", "FIRST SEEN", "FILES", "SIZE", ""],
    image.versions
      .slice(0, versionsShown)
      .map((one) => [
        one.version.slice(0, 12),
        ago(one.seenAt),
        one.files,
        size(one.bytes),
        one.current ? "as it is now" : "",
      ]),
  );
  return [
    ...lines.map(plain),
    "",
    sheet,
    "",
    files,
    "",
    versions,
    ...(image.versions.length > versionsShown
      ? [`${image.versions.length - versionsShown} older ones are in --json.`]
      : []),
    ...(image.diagnostics.length === 0 ? [] : ["", ...diagnosticLines(image.diagnostics)]),
  ].join("\n");
}

function shorten(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
