// `npm test`: brings what the machine lacks, builds, checks, and runs every test but those on a real Xen; closes with one line that counts.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareMachine } from "./machine.mjs";
import { bin, root } from "./steps.mjs";

prepareMachine();

const outcome = { passed: 0, failed: 0, skipped: 0 };
const check = spawnSync(process.execPath, ["tasks/check.mjs"], { cwd: root, stdio: "inherit" });
outcome[check.status === 0 ? "passed" : "failed"] += 1;

/** Runs what a configuration of vitest names, and counts it. */
function suite(config, scratch) {
  const report = join(scratch, "report.json");
  const tests = spawnSync(
    bin("vitest"),
    ["run", "--config", config, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
    {
      cwd: root,
      stdio: "inherit",
    },
  );
  const counted = JSON.parse(readFileSync(report, "utf8"));
  outcome.passed += counted.numPassedTests;
  outcome.failed += counted.numFailedTests;
  outcome.skipped += counted.numPendingTests + counted.numTodoTests;
  // A file that does not load, or a fault outside of any test, fails the run without a failed test to count.
  if (tests.status !== 0 && counted.numFailedTests === 0) outcome.failed += 1;
}

// The browser comes after the rest: it waits for what is on a screen, and is not to wait for a machine that has its hands full.
for (const config of ["vitest.config.ts", "vitest.browser.config.ts"]) {
  const scratch = mkdtempSync(join(tmpdir(), "convirt-test-"));
  try {
    suite(config, scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
const skipped = outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : "";
process.stdout.write(`${outcome.passed} passed, ${outcome.failed} failed${skipped}\n`);
process.exit(outcome.failed === 0 ? 0 : 1);
