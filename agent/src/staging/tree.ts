// A tree as it is offered: its names, its digest, and the chunks of its files. Everything in it came from outside and is believed only after it was looked at.
import { createHash } from "node:crypto";
import type { Tree } from "@convirt/proto/staging";
import { Refusal } from "../errors/errors.js";

/** Files are compared and sent in pieces of this size. */
export const chunkBytes = 262_144;
export const hashBytes = 32;

const treeName = /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,62}$/;
/** Folders of the store that are no images: every image's script may use them. */
export const sharedTrees: ReadonlySet<string> = new Set(["common", "custom_scripts"]);
const mostFiles = 10_000;
const longestPath = 1024;
/** What file systems hold, in bytes. */
const longestName = 255;

export function chunkCount(size: number): number {
  return Math.ceil(size / chunkBytes);
}

/** Throws a Refusal when the name cannot be a folder of the store. */
export function checkTreeName(name: string, act = "stage"): void {
  if (!treeName.test(name))
    throw new Refusal(
      "bad_request",
      `Cannot ${act} "${name}": that is not a name of an image or of a folder of the store`,
    );
}

/** Throws a Refusal when anything in the tree could reach out of its folder, stands twice, or does not add up to the digest. */
export function checkTree(tree: Tree): void {
  checkTreeName(tree.name);
  const refuse = (why: string) => new Refusal("bad_request", `Cannot stage "${tree.name}": ${why}`);
  if (tree.files.length > mostFiles)
    throw refuse(`it holds ${tree.files.length} files, ${mostFiles} at most are allowed`);
  const seen = new Set<string>();
  for (const file of tree.files) {
    const problem = pathProblem(file.path);
    if (problem !== undefined) throw refuse(`the path ${JSON.stringify(file.path)} ${problem}`);
    const plain = file.path.normalize("NFC");
    if (seen.has(plain)) throw refuse(`the path "${file.path}" stands twice`);
    seen.add(plain);
    if (file.mode !== 0o644 && file.mode !== 0o755)
      throw refuse(`the mode of "${file.path}" is ${file.mode.toString(8)}, and must be 644 or 755`);
    if (file.sha256.length !== hashBytes) throw refuse(`the hash of "${file.path}" is not a SHA-256`);
  }
  for (const path of seen) {
    for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
      if (seen.has(path.slice(0, slash))) throw refuse(`"${path.slice(0, slash)}" is a file and a folder`);
    }
  }
  if (treeDigest(tree) !== tree.digest)
    throw new Refusal(
      "digest_mismatch",
      `Cannot stage "${tree.name}": its files do not add up to the digest ${tree.digest}`,
    );
}

function pathProblem(path: string): string | undefined {
  if (path === "" || path.length > longestPath) return "is empty or too long";
  if (path.startsWith("/")) return "is absolute";
  if (/\p{Cc}/u.test(path)) return "holds a control character";
  if (path.split("/").some((part) => part === "" || part === "." || part === "..")) return "leads elsewhere";
  if (path.split("/").some((part) => Buffer.byteLength(part) > longestName)) return "holds a name that is too long";
  return undefined;
}

/** SHA-256 (hex) over the sorted lines `<mode> <size> <sha256> <path>\n`. */
export function treeDigest(tree: Tree): string {
  const lines = tree.files.map((file) =>
    Buffer.from(
      `${file.mode.toString(8).padStart(4, "0")} ${file.size} ${Buffer.from(file.sha256).toString("hex")} ${file.path}\n`,
    ),
  );
  const sorted = tree.files
    .map((file, index) => ({ path: Buffer.from(file.path), line: lines[index] ?? Buffer.alloc(0) }))
    .sort((a, b) => Buffer.compare(a.path, b.path));
  const hash = createHash("sha256");
  for (const { line } of sorted) hash.update(line);
  return hash.digest("hex");
}
