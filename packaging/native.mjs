// The controller's packages that hold machine code: what of each its bundle loads.
import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const modules = join(dirname(dirname(fileURLToPath(import.meta.url))), "node_modules");

/** They load a compiled file that lies beside them; of better-sqlite3 that file and its loader are all that runs. */
const native = {
  "better-sqlite3": ["package.json", "LICENSE", "lib", "build/Release/better_sqlite3.node"],
  bindings: ["package.json", "LICENSE.md", "bindings.js"],
  "file-uri-to-path": ["package.json", "LICENSE", "index.js"],
  "@node-rs/argon2": ["package.json", "LICENSE", "index.js"],
};

/** Into `folder`/node_modules. */
export function copyNative(folder) {
  for (const [name, parts] of Object.entries({ ...native, ...compiledArgon() }))
    for (const part of parts) copy(join(modules, name, part), join(folder, "node_modules", name, part));
}

/** argon2 comes compiled, in a package per platform; npm has installed the one for this. */
function compiledArgon() {
  const found = readdirSync(join(modules, "@node-rs")).filter((name) => name.startsWith("argon2-"));
  if (found.length === 0) throw new Error("There is no compiled argon2 in node_modules: run npm ci on this platform");
  return Object.fromEntries(
    found.map((name) => {
      const files = readdirSync(join(modules, "@node-rs", name));
      return [`@node-rs/${name}`, files.filter((file) => file === "package.json" || file.endsWith(".node"))];
    }),
  );
}

function copy(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true });
}
