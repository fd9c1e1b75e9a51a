#!/usr/bin/env node
// Starts the command line; in a checkout that is not built yet, builds it first.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = new URL("../dist/bundle/main.js", import.meta.url);
if (!existsSync(fileURLToPath(main))) {
  process.stderr.write("convirt is not built yet; building it (npm run build) ...\n");
  const built = spawnSync("npm", ["run", "--silent", "build"], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["ignore", 2, 2],
  });
  if (built.status !== 0) process.exit(70);
}
await import(main.href);
