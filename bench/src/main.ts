// `npm run bench`: measures what docs/performance.md claims, each beside what a person would otherwise use, in one run. `npm run bench -- first-line staging`
// runs some of them. One JSON line per bench; nothing passes or fails here.
import { demo } from "./demo.js";
import { firstLine } from "./first-line.js";
import { load } from "./load.js";
import { log } from "./log.js";
import { many } from "./many.js";
import { pages } from "./pages.js";
import { scale } from "./scale.js";
import { staging } from "./staging.js";

const benches = { "first-line": firstLine, many, staging, log, load, scale, pages, demo };
type Name = keyof typeof benches;

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in benches));
if (unknown.length > 0) {
  process.stderr.write(`There is no bench ${unknown.join(", ")}; there are: ${Object.keys(benches).join(", ")}\n`);
  process.exit(2);
}
for (const name of (asked.length > 0 ? asked : Object.keys(benches)) as Name[]) {
  const figures = await benches[name]();
  process.stdout.write(`${JSON.stringify({ bench: name, ...figures }, rounded)}\n`);
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toFixed(value < 10 ? 2 : 1)) : value;
}
