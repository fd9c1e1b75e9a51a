// The controller in a few files: its own code with Nest, TypeORM and the rest in one bundle, and beside it the two packages that hold machine code.
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** They load a compiled file that lies beside them; of better-sqlite3 that file and its loader are all that runs. */
const native = {
  "better-sqlite3": ["package.json", "LICENSE", "lib", "build/Release/better_sqlite3.node"],
  bindings: ["package.json", "LICENSE.md", "bindings.js"],
  "file-uri-to-path": ["package.json", "LICENSE", "index.js"],
  "@node-rs/argon2": ["package.json", "LICENSE", "index.js"],
};

/** Nest and TypeORM ask for these and do without them. */
const absent = [
  "@nestjs/microservices",
  "@nestjs/microservices/*",
  "@nestjs/websockets/*",
  "class-validator",
  "class-transformer",
];

/** The controller, and its threads, which are looked for beside it (controller/src/thread.ts). */
const programs = [
  "main",
  "agents/upload-worker",
  "agents/upload-call-worker",
  "backups/copy-worker",
  "database/checkpoint-worker",
];

/** Writes into `folder`; the files of licences (.LEGAL.txt) among it belong elsewhere. */
export async function bundleController(folder) {
  await build({
    entryPoints: Object.fromEntries(
      programs.map((path) => [basename(path), join(root, "controller/dist", `${path}.js`)]),
    ),
    outdir: folder,
    bundle: true,
    splitting: true,
    platform: "node",
    target: "node20",
    format: "esm",
    // Nest's messages and TypeORM's tables go by the names of classes.
    keepNames: true,
    legalComments: "linked",
    logLevel: "error",
    external: [...Object.keys(native), ...absent],
    banner: { js: 'import{createRequire as __r}from"node:module";const require=__r(import.meta.url);' },
  });
  fs.writeFileSync(join(folder, "package.json"), '{"type":"module"}\n');
  for (const [name, parts] of Object.entries({ ...native, ...compiledArgon() })) {
    for (const part of parts) copy(join(root, "node_modules", name, part), join(folder, "node_modules", name, part));
  }
}

/** argon2 comes compiled, in a package per platform; npm has installed the one for this. */
function compiledArgon() {
  const found = fs.readdirSync(join(root, "node_modules/@node-rs")).filter((name) => name.startsWith("argon2-"));
  if (found.length === 0) throw new Error("There is no compiled argon2 in node_modules: run npm ci on this platform");
  return Object.fromEntries(
    found.map((name) => {
      const files = fs.readdirSync(join(root, "node_modules/@node-rs", name));
      return [`@node-rs/${name}`, files.filter((file) => file === "package.json" || file.endsWith(".node"))];
    }),
  );
}

function copy(from, to) {
  fs.mkdirSync(dirname(to), { recursive: true });
  fs.cpSync(from, to, { recursive: true });
}
