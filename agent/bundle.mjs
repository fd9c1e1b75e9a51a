// The agent as one file that runs on Node 18 or newer, with nothing beside it. What idle does not need is evaluated only when it is imported.
import { chmodSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
/** A thread's program, as a text. */
async function textOf(path) {
  const { outputFiles } = await build({
    entryPoints: [here(path)],
    bundle: true,
    platform: "node",
    target: "node18",
    format: "cjs",
    minify: true,
    write: false,
  });
  return outputFiles[0].text;
}

await build({
  entryPoints: [here("dist/main.js")],
  outfile: here("dist/convirt-agent.mjs"),
  bundle: true,
  platform: "node",
  target: "node18",
  format: "esm",
  minify: true,
  keepNames: false,
  legalComments: "linked",
  logLevel: "warning",
  // gRPC wants it for a service that the agent does not offer (channelz), and only then.
  external: ["@grpc/proto-loader"],
  define: { bundledChunkWriter: JSON.stringify(await textOf("dist/staging/chunk-writer.js")) },
  banner: {
    js: '#!/usr/bin/env node\nimport{createRequire as __r}from"node:module";const require=__r(import.meta.url);',
  },
});
chmodSync(here("dist/convirt-agent.mjs"), 0o755);
