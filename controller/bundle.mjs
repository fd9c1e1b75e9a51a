// The controller in a few files that start in half the time: its own code with Nest, TypeORM and the rest. The packages that hold machine code stay beside it.
import { rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = here("dist/bundle");

/** They load a compiled file that lies beside them. */
const native = ["better-sqlite3", "@node-rs/argon2"];

/** Nest and TypeORM ask for these and do without them. */
const absent = [
  "@nestjs/microservices",
  "@nestjs/microservices/*",
  "@nestjs/websockets/*",
  "class-validator",
  "class-transformer",
];

/** gRPC wants it for services that the controller does not call (channelz, ORCA), and only then. */
const unused = ["@grpc/proto-loader"];

/** TypeORM's factory loads the drivers of all databases that it knows, to make one of them. */
const otherDatabases = {
  name: "other-databases",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /Driver$/ }, ({ path, importer }) =>
      importer.endsWith("/typeorm/driver/DriverFactory.js") && path !== "./better-sqlite3/BetterSqlite3Driver"
        ? { path, namespace: "absent" }
        : undefined,
    );
    onLoad({ filter: /./, namespace: "absent" }, () => ({ contents: "module.exports = {};" }));
  },
};

/** The controller, and its threads, which are looked for beside it (src/thread.ts). */
const programs = [
  "main",
  "agents/upload-worker",
  "agents/upload-call-worker",
  "backups/copy-worker",
  "database/checkpoint-worker",
];

rmSync(folder, { recursive: true, force: true });
await build({
  entryPoints: Object.fromEntries(programs.map((path) => [basename(path), here(`dist/${path}.js`)])),
  outdir: folder,
  bundle: true,
  splitting: true,
  platform: "node",
  target: "node20",
  format: "esm",
  // What is not read is neither parsed nor kept in memory: it starts a seventh sooner, and holds 20 MiB less. Names stay in the traces of errors; Nest's messages
  // and TypeORM's tables go by those of classes.
  minifyWhitespace: true,
  minifySyntax: true,
  keepNames: true,
  legalComments: "linked",
  logLevel: "error",
  external: [...native, ...absent, ...unused],
  plugins: [otherDatabases],
  banner: { js: 'import{createRequire as __r}from"node:module";const require=__r(import.meta.url);' },
});
writeFileSync(`${folder}/package.json`, '{"type":"module"}\n');
