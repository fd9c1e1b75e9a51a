// `convirt image diff`: what differs between two versions, as a patch. To a program it goes byte for byte, so that `patch` takes it; to a terminal harmless and in colour.
import type { FileDiff, ImageDiff, ImageView } from "@convirt/contract/image";
import type { Command } from "commander";
import { withContext } from "../context.js";
import { CommandFailed, exitCodes } from "../exit.js";
import { plainLine, size } from "../output.js";
import { wantsColour } from "../settings.js";

type Line = readonly [kind: "head" | "place" | "added" | "removed" | "same" | "note", text: string];

const colours: Readonly<Partial<Record<Line[0], string>>> = {
  head: "1",
  place: "36",
  added: "32",
  removed: "31",
  note: "2",
};

const kinds: Readonly<Record<string, Line[0]>> = { "-": "removed", "+": "added", " ": "same" };

const reasons = {
  binary: "it is no text",
  secret: "it holds the value of a secret option, and is not kept",
  too_large: "it is too large to be kept",
  beyond_limit: "the image holds more than is kept of one version",
} as const;

export function diffImage(image: Command): void {
  image
    .command("diff <image> [version] [other]")
    .description(
      "what differs between two versions; without OTHER from VERSION to what is there now, without both from the newest of the others",
    )
    .action((name: string, version: string | undefined, other: string | undefined, _flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const asked =
          version !== undefined && other !== undefined
            ? { before: version, after: other }
            : sidesOf(await client.call("showImage", { params: { name } }), version);
        const diff = await client.call("diffImage", { params: { name, ...asked } });
        const look = process.stdout.isTTY ? (wantsColour() ? "coloured" : "plain") : "exact";
        show(diff, (answer) => diffText(answer, look));
        if (diff.files.length === 0) process.stderr.write("Both versions hold the same.\n");
      }),
    );
}

/** To what stands in the store now; from `version` or, without it, from the newest of the others. */
function sidesOf({ name, version: after, versions }: ImageView, version: string | undefined) {
  if (after === null)
    throw new CommandFailed(
      exitCodes.refused,
      `Cannot compare: the folder of image "${name}" cannot be read, see convirt image show ${name}.`,
    );
  const before = version ?? versions.find(({ current }) => !current)?.version;
  if (before === undefined)
    throw new CommandFailed(exitCodes.refused, `Cannot compare: image "${name}" has been seen in one version alone.`);
  return { before, after };
}

/** `exact` for a program, byte for byte; the others for a terminal, with everything that would drive it shown. */
export function diffText(diff: ImageDiff, look: "exact" | "plain" | "coloured"): string {
  return linesOf(diff)
    .map(([kind, text]) => {
      if (look === "exact") return `${text}\n`;
      const harmless = plainLine(text.replaceAll("\t", "    "));
      const colour = look === "coloured" ? colours[kind] : undefined;
      return colour === undefined ? `${harmless}\n` : `\u001b[${colour}m${harmless}\u001b[0m\n`;
    })
    .join("");
}

function linesOf({ files, filesLeftOut }: ImageDiff): Line[] {
  const lines = files.flatMap((file) => (file.shown === "text" ? patchOf(file) : [unshown(file)]));
  return filesLeftOut === 0 ? lines : [...lines, ["note", `# ${filesLeftOut} more files differ; they are not shown.`]];
}

/** As git writes it, which `patch` and `git apply` read. Notes begin with `#`, and both pass over them. */
function patchOf({ path, before, after, hunks, coarse, linesLeftOut }: FileDiff): Line[] {
  const lines: Line[] = [["head", `diff --git a/${path} b/${path}`]];
  if (before === null && after !== null) lines.push(["head", `new file mode 10${after.mode}`]);
  else if (before !== null && after === null) lines.push(["head", `deleted file mode 10${before.mode}`]);
  else if (before !== null && after !== null && before.mode !== after.mode)
    lines.push(["head", `old mode 10${before.mode}`], ["head", `new mode 10${after.mode}`]);
  if (hunks.length > 0) {
    // A blank in a name would be taken for its end, were it not for the tab.
    const end = path.includes(" ") ? "\t" : "";
    lines.push(["head", `--- ${before === null ? "/dev/null" : `a/${path}${end}`}`]);
    lines.push(["head", `+++ ${after === null ? "/dev/null" : `b/${path}${end}`}`]);
  }
  for (const { oldStart, oldLines, newStart, newLines, lines: texts } of hunks) {
    lines.push(["place", `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`]);
    lines.push(...texts.map((text): Line => [kinds[text.charAt(0)] ?? "note", text]));
  }
  if (coarse) lines.push(["note", "# Too much differs in it for the shortest diff to be looked for."]);
  if (linesLeftOut > 0) lines.push(["note", `# ${linesLeftOut} more lines of it are not shown.`]);
  return lines;
}

function unshown({ path, change, before, after, shown: why }: FileDiff): Line {
  if (why === "text") throw new Error("A text is shown");
  const sizes = [before, after].flatMap((state) => (state === null ? [] : [size(state.bytes)])).join(" to ");
  return ["note", `# ${path}: ${change}, ${sizes}; ${reasons[why]}.`];
}
