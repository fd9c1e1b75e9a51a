// `npm run package`: two Debian packages below dist/packages. Same sources, same bytes. `--version V` and `--out FOLDER` say otherwise.
// Where Debian's lintian is installed, it has to find nothing wrong with them.
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { packageAgent, packageController } from "../packaging/build.mjs";
import { build, must } from "./steps.mjs";

const { values } = parseArgs({ options: { version: { type: "string" }, out: { type: "string" } } });
build();
const made = [];
for (const make of [packageAgent, packageController]) {
  const { file, bytes } = make(values);
  made.push(file);
  process.stdout.write(`${file}  ${(bytes / 1e6).toFixed(2)} MB\n`);
}
if (!spawnSync("lintian", ["--version"]).error) must("lintian", ["--allow-root", "--fail-on=error,warning", ...made]);
