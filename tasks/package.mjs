// `npm run package`: two Debian packages below dist/packages. Same sources, same bytes. `--version V` and `--out FOLDER` say otherwise.
import { parseArgs } from "node:util";
import { packageAgent, packageController } from "../packaging/build.mjs";
import { build } from "./steps.mjs";

const { values } = parseArgs({ options: { version: { type: "string" }, out: { type: "string" } } });
build();
for (const make of [packageAgent, packageController]) {
  const { file, bytes } = await make(values);
  process.stdout.write(`${file}  ${(bytes / 1e6).toFixed(2)} MB\n`);
}
