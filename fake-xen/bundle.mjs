// One file, and a CommonJS one, so that each call of `xl` starts in a moment.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
await build({
  entryPoints: [here("src/main.ts")],
  outfile: here("dist/fake-xen.cjs"),
  bundle: true,
  platform: "node",
  target: "node18",
  format: "cjs",
  minify: true,
  logLevel: "warning",
});
