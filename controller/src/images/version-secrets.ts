// The secrets that an image holds in clear: values that its own files give to options which they declare secret. The database is to hold none of them.
import { evaluate } from "@convirt/image-format/evaluate";
import { hideSecrets, secretNames, shortestSecret, textsIn } from "@convirt/image-format/secrets";
import type { Tree } from "./tree/hash.js";
import { textAsHashed } from "./version-texts.js";

const declaring = [
  { file: "image.conf", predefined: "image_conf" },
  { file: "vm_conf.template", predefined: "vm_conf" },
] as const;

export interface HeldSecrets {
  isNone: boolean;
  /** Whether one stands in the text, which is of the file at that path. */
  standIn(path: string, text: string): boolean;
}

/** Undefined when the files are not those of `tree` any more. Beside a file that declares secrets and cannot be evaluated any text counts as holding one: nobody knows. */
export async function secretsOf(tree: Tree): Promise<HeldSecrets | undefined> {
  const values: string[] = [];
  const holding = new Set<string>();
  for (const { file, predefined } of declaring) {
    const found = tree.files.find(({ path }) => path === file);
    const read = found === undefined ? "binary" : await textAsHashed(tree, found);
    if (read === undefined) return undefined;
    // Options have the names that stand in the source.
    if (read === "binary" || !read.text.includes("secret_options")) continue;
    const evaluated = evaluate(read.text, { file, predefined });
    if (!evaluated.ok) return { isNone: false, standIn: () => true };
    const own = [...secretNames(evaluated.options)].flatMap((name) => textsIn(evaluated.options.get(name)));
    if (own.length > 0) holding.add(file);
    values.push(...own.filter((text) => text.length >= shortestSecret));
  }
  return {
    isNone: holding.size === 0,
    standIn: (path, text) => holding.has(path) || hideSecrets(text, values) !== text,
  };
}
