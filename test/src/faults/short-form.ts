// Runs a scenario in its short form, with one seed for ever, and prints its line.
import { lineOf, type Report, type Run, type Scenario } from "./scenario.js";

const run: Run = { seed: 20_261_124, rounds: 1, long: false };
/** For a test: far beyond what a machine needs that has nothing else to do. */
export const limitMs = 600_000;

/** `skip` is the test's own: a scenario that cannot run here says why, and is counted as skipped. */
export async function shortForm(name: string, scenario: Scenario, skip: (why: string) => void): Promise<Report> {
  const started = performance.now();
  const report = await scenario(run);
  process.stdout.write(`${lineOf(name, run, report, (performance.now() - started) / 1000)}\n`);
  if (report.skipped !== undefined) skip(report.skipped);
  return report;
}
