// The steps that the verbs of package.json are made of: install, generate, compile, bundle. Each looks first whether there is anything to do.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name) => join(root, "node_modules", ".bin", name);

/** Runs a program in the project's root with our terminal; ends the process when it fails, for nothing after it could hold. */
export function must(program, args, options = {}) {
  const done = spawnSync(program, args, { cwd: root, stdio: "inherit", ...options });
  if (done.error) throw done.error;
  if (done.status !== 0) {
    process.stderr.write(`${program} ${args.join(" ")} ended with ${done.status ?? done.signal}\n`);
    process.exit(done.status || 1);
  }
}

/** When a file below `folder` last changed, but for those in `except`. */
function newest(folder, except = "") {
  let latest = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && entry.parentPath !== except)
      latest = Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs);
  }
  return latest;
}

function isCurrent(target, ...sources) {
  if (!existsSync(target)) return false;
  const made = statSync(target).mtimeMs;
  return sources.every((source) => statSync(source).mtimeMs <= made);
}

/** npm packages, when there are none yet or the lock file says otherwise than when they came. By its content: git gives files new times, and this takes minutes. */
export function install() {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const note = join(root, "node_modules", ".installed-from");
  if (existsSync(note) && readFileSync(note, "utf8") === lock) return;
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!isCurrent(installed, join(root, "package-lock.json"))) {
    // Where there are some, only what lacks is brought: what was compiled once is not compiled again for a package more.
    const act = existsSync(installed) ? ["install", "--no-save"] : ["ci"];
    must("npm", [...act, "--no-audit", "--no-fund", "--loglevel", "error"]);
  }
  writeFileSync(note, lock);
}

/** TypeScript from the .proto files. */
export function generate() {
  const generated = join(root, "proto", "src", "generated");
  const from = join(root, "proto", "convirt");
  if (existsSync(generated) && newest(generated) >= newest(from)) return;
  must(bin("buf"), ["generate"]);
}

/** Every package, and the programs that are shipped as one file. */
export function compile() {
  must(bin("tsc"), ["-b"]);
  must(process.execPath, ["agent/bundle.mjs"]);
  must(process.execPath, ["fake-xen/bundle.mjs"]);
  must(process.execPath, ["cli/bundle.mjs"]);
  bundleController();
}

/** When what it is made of is newer: it takes longer than the others. */
function bundleController() {
  const bundle = join(root, "controller", "dist", "bundle");
  const built = join(bundle, "package.json");
  const ours = ["controller/dist", "controller/contract/dist", "image-format/dist", "proto/dist"];
  const sources = ours.map((folder) => newest(join(root, folder), bundle));
  const others = [join(root, "controller", "bundle.mjs"), join(root, "node_modules", ".package-lock.json")];
  if (isCurrent(built, ...others) && Math.max(...sources) <= statSync(built).mtimeMs) return;
  must(process.execPath, ["controller/bundle.mjs"]);
}

/** The web UI, when a source of it is newer than what was built. */
export function buildWeb() {
  const web = join(root, "controller", "web");
  const built = join(web, "dist", "site", "index.html");
  const sources = ["index.html", "package.json", "vite.config.ts"].map((name) => join(web, name));
  const lock = join(root, "node_modules", ".package-lock.json");
  const isBuilt = isCurrent(built, ...sources, join(root, "docs", "errors.md"), lock);
  if (isBuilt && newest(join(web, "src")) <= statSync(built).mtimeMs) return;
  must(bin("vite"), ["build", "--logLevel", "warn"], { cwd: web });
}

export function build() {
  install();
  generate();
  compile();
  buildWeb();
}

export { bin };
