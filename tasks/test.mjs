// `npm test`: brings what the machine lacks, builds, checks, and runs every test but those on a real Xen, which `--xen` adds in their short form where the machine can;
// closes with one line that counts.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareMachine } from "./machine.mjs";
import { bin, root } from "./steps.mjs";

prepareMachine();

const outcome = { passed: 0, failed: 0, skipped: 0 };
const check = spawnSync(process.execPath, ["tasks/check.mjs"], { cwd: root, stdio: "inherit" });
outcome[check.status === 0 ? "passed" : "failed"] += 1;

const couldNotRun = 77;

/** Runs a program that leaves vitest's report in the file it is given, and counts what that holds. */
function suite(commandFor) {
  const scratch = mkdtempSync(join(tmpdir(), "convirt-test-"));
  try {
    const report = join(scratch, "report.json");
    const [program, ...words] = commandFor(report);
    const { status } = spawnSync(program, words, { cwd: root, stdio: "inherit" });
    if (status === couldNotRun) {
      outcome.skipped += 1;
      return;
    }
    // Without a report it came to no test at all.
    const counted = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : undefined;
    outcome.passed += counted?.numPassedTests ?? 0;
    outcome.failed += counted?.numFailedTests ?? 0;
    outcome.skipped += counted === undefined ? 0 : counted.numPendingTests + counted.numTodoTests;
    // A file that does not load, or a fault outside of any test, fails the run without a failed test to count.
    if (status !== 0 && !counted?.numFailedTests) outcome.failed += 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

// The browser comes after the rest: it waits for what is on a screen, and is not to wait for a machine that has its hands full.
for (const config of ["vitest.config.ts", "vitest.browser.config.ts"])
  suite((report) => [
    ...[bin("vitest"), "run", "--config", config],
    ...["--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
  ]);
if (process.argv.includes("--xen"))
  suite((report) => [process.execPath, "tasks/xen.mjs", "--short", "--report", report]);
const skipped = outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : "";
process.stdout.write(`${outcome.passed} passed, ${outcome.failed} failed${skipped}\n`);
process.exit(outcome.failed === 0 ? 0 : 1);
