// The command line in a few files, so that it starts in a moment: what one command needs is loaded with that command.
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
rmSync(here("dist/bundle"), { recursive: true, force: true });
await build({
  entryPoints: [here("dist/main.js")],
  outdir: here("dist/bundle"),
  bundle: true,
  splitting: true,
  platform: "node",
  target: "node20",
  format: "esm",
  minify: true,
  legalComments: "linked",
  logLevel: "warning",
  banner: { js: 'import{createRequire as __r}from"node:module";const require=__r(import.meta.url);' },
});
