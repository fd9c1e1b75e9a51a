// `convirt image edit`: a file of an image in the person's own editor. The text is never lost: when it cannot be saved, it stays in a file that is named.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { diagnosticLines } from "./commands/diagnostics.js";
import type { Context } from "./context.js";
import { CommandFailed, exitCodes } from "./exit.js";
import { editor } from "./settings.js";

export async function editFile(context: Context, image: string, path: string, force: boolean): Promise<void> {
  const before = await context.client.call("readFile", { params: { name: image, path } });
  const folder = mkdtempSync(join(tmpdir(), "convirt-edit-"));
  const file = join(folder, basename(path));
  writeFileSync(file, before.text, { mode: 0o600 });

  const command = editor();
  // As git does it: the editor's words are the person's own and may hold options, the file's name goes in as an argument.
  const done = spawnSync("/bin/sh", ["-c", `${command} "$@"`, command, file], { stdio: "inherit" });
  const text = readFileSync(file, "utf8");
  const isChanged = text !== before.text;
  if (!isChanged) rmSync(folder, { recursive: true });
  if (done.error || done.status !== 0) {
    const kept = isChanged ? ` Your text is in ${file}.` : "";
    throw new CommandFailed(
      exitCodes.refused,
      `${command} did not end well; nothing is saved.${kept} Set EDITOR to the editor you want.`,
    );
  }
  if (!isChanged) {
    context.show({ changed: false }, () => "Nothing is changed.");
    return;
  }
  try {
    const saved = await context.client.call("saveFile", {
      params: { name: image, path },
      body: { text, sha256: before.sha256, force },
    });
    rmSync(folder, { recursive: true });
    context.show({ changed: true, ...saved }, () =>
      [`${image}/${path} is saved.`, ...diagnosticLines(saved.diagnostics)].join("\n"),
    );
  } catch (error) {
    if (error instanceof CommandFailed) {
      throw new CommandFailed(
        error.exitCode,
        `${error.message}\nNothing is saved. Your text is in ${file}.`,
        error.body,
      );
    }
    throw error;
  }
}
