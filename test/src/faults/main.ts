// `npm run test:faults -- --rounds N --seed S [scenario …]`: the long form. One JSON line for each scenario on standard output; what was not well, and the progress, on
// standard error. Ends with 1 when anything was not well.
import { parseArgs } from "node:util";
import { lineOf, type Report, type Run } from "./scenario.js";
import { scenarios } from "./scenarios.js";

const { values, positionals } = parseArgs({
  options: { rounds: { type: "string", default: "1" }, seed: { type: "string", default: String(Date.now() % 1e9) } },
  allowPositionals: true,
});
const run: Run = { seed: Number(values.seed), rounds: Number(values.rounds), long: true };
const unknown = positionals.filter((name) => !(name in scenarios));
if (unknown.length > 0 || !Number.isInteger(run.seed) || !Number.isInteger(run.rounds) || run.rounds < 1) {
  process.stderr.write(
    `Usage: npm run test:faults -- --rounds N --seed S [scenario …]\nScenarios: ${Object.keys(scenarios).join(", ")}\n`,
  );
  process.exit(2);
}

let wrong = 0;
for (const [name, scenario] of Object.entries(scenarios)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const started = performance.now();
  process.stderr.write(`${new Date().toISOString()} ${name}: ${run.rounds} rounds, seed ${run.seed}\n`);
  // A scenario that breaks off is one that is not well; the others still tell theirs.
  const report: Report = await scenario(run).catch((error: unknown) => ({
    figures: {},
    complaints: [error instanceof Error ? error.message : String(error)],
  }));
  for (const complaint of report.complaints) process.stderr.write(`${name}: ${complaint}\n`);
  if (report.skipped !== undefined) process.stderr.write(`${name}: SKIPPED: ${report.skipped}\n`);
  process.stdout.write(`${lineOf(name, run, report, (performance.now() - started) / 1000)}\n`);
  wrong += report.complaints.length;
}
process.exit(wrong === 0 ? 0 : 1);
