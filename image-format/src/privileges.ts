// What of an image reaches into hosts (reach.ts), as far as its two files say: the settings themselves and everything that they are made of. By comparing this of
// two states of an image one sees whether a change gave it a privilege. It reads what is written and not only what comes of it on one host: an assignment in a
// branch that no host here takes counts, and where a setting is more than a value that is written out, the whole file stands for it.

import { evaluate } from "./evaluate.js";
import { reprPython } from "./python-text.js";
import { isPrivileged } from "./reach.js";
import { assignmentsOf } from "./source/assignment.js";
import { parseSource } from "./source/parse.js";
import { scan } from "./source/scan.js";
import { Stopped } from "./source/stopped.js";
import { templateNames } from "./substitute.js";
import type { Options } from "./value.js";
import { privilegedKeys } from "./xl/keys.js";

export interface PrivilegedSetting {
  /** The key that reaches into the host. */
  name: string;
  /** What it is set to, or is made of. Equal texts of equal names are the same setting. */
  text: string;
}

interface Files {
  imageConf: string;
  vmConf: string;
}

/** Never throws on any files. */
export function privilegedSettings(files: Files): PrivilegedSetting[] {
  const vmConf = read(files.vmConf, "vm_conf.template");
  const imageConf = read(files.imageConf, "image.conf");
  const found: PrivilegedSetting[] = [];
  for (const name of [...privilegedKeys, "disk", "vif"]) {
    const value = vmConf.valueOf(name);
    if (value === undefined) continue;
    if (!value.isWritten) {
      found.push({ name, text: files.vmConf });
      continue;
    }
    if (!isPrivileged(name, value.value)) continue;
    found.push({ name, text: reprPython(value.value) });
    for (const text of madeOf(reprPython(value.value), [vmConf, imageConf])) found.push({ name, text });
  }
  return found;
}

/** Those of `after` that `before` does not have. */
export function privilegesGained(before: Files | undefined, after: Files): PrivilegedSetting[] {
  const had = new Set(before === undefined ? [] : privilegedSettings(before).map(keyOf));
  return privilegedSettings(after).filter((setting) => !had.has(keyOf(setting)));
}

function keyOf({ name, text }: PrivilegedSetting): string {
  return `${name}\n${text}`;
}

interface ReadFile {
  source: string;
  /** Undefined when the file does not speak of the name. */
  valueOf(
    name: string,
  ): { isWritten: true; value: Parameters<typeof reprPython>[0] } | { isWritten: false } | undefined;
}

const unwritten = { isWritten: false } as const;

function read(source: string, file: "vm_conf.template" | "image.conf"): ReadFile {
  const options = optionsOf(source, file);
  const { mentioned, written } = namesIn(source);
  return {
    source,
    valueOf: (name) => {
      const times = mentioned.get(name) ?? 0;
      if (times === 0) return undefined;
      const value = options?.get(name);
      return value === undefined || written.get(name) !== times ? unwritten : { isWritten: true, value };
    },
  };
}

function optionsOf(source: string, file: "vm_conf.template" | "image.conf"): Options | undefined {
  const evaluated = evaluate(source, { file, predefined: file === "image.conf" ? "image_conf" : "vm_conf" });
  return evaluated.ok ? evaluated.options : undefined;
}

/** How often each name stands in the file, and how often of these as `NAME = value` at its top level. */
function namesIn(source: string): { mentioned: Map<string, number>; written: Map<string, number> } {
  const mentioned = new Map<string, number>();
  const written = new Map<string, number>();
  const add = (to: Map<string, number>, name: string) => to.set(name, (to.get(name) ?? 0) + 1);
  try {
    for (const token of scan(source)) if (token.kind === "name") add(mentioned, token.text);
    for (const { name, plain } of assignmentsOf(parseSource(source), source)) if (plain) add(written, name);
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    // A file that cannot be read sets nothing; whatever it names counts as more than written out.
    for (const [name] of source.matchAll(/[A-Za-z_]\w*/g)) add(mentioned, name);
  }
  return { mentioned, written };
}

/** What stands behind the `$` names of a text, to the end of the chain. */
function madeOf(text: string, files: readonly ReadFile[]): string[] {
  const seen = new Set<string>();
  const found: string[] = [];
  const open = templateNames(text);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const file of files) {
      const value = file.valueOf(name);
      if (value === undefined) continue;
      const part = value.isWritten ? reprPython(value.value) : file.source;
      found.push(`${name} = ${part}`);
      if (value.isWritten) open.push(...templateNames(part));
    }
  }
  return found;
}
