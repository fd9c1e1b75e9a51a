// `npm run check`: format, lint and import rules; types; the wire; the shell.
import { spawnSync } from "node:child_process";
import { shellFiles } from "./shell-files.mjs";
import { bin, build, must, root } from "./steps.mjs";

build();
must(bin("biome"), ["check", "--error-on-warnings"]);
must(bin("buf"), ["lint"]);

const listed = spawnSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" });
if (listed.status !== 0) throw new Error(`git ls-files ended with ${listed.status}: ${listed.stderr}`);
const files = shellFiles(listed.stdout.split("\0").filter(Boolean));
if (spawnSync("shellcheck", ["--version"]).error) {
  process.stderr.write("shellcheck is not installed: `apt-get install shellcheck`, then run this again.\n");
  process.exit(1);
}
must("shellcheck", ["--external-sources", "--source-path=SCRIPTDIR", ...files]);
process.stdout.write(`check: all is well (${files.length} shell files among it)\n`);
