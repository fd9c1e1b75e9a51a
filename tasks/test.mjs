// `npm test`: brings what the machine lacks, builds, checks, and runs every test but those on a real Xen, which `--xen` adds in their short form where the machine can;
// closes with one line that counts.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { prepareMachine } from "./machine.mjs";
import { bin, root } from "./steps.mjs";

prepareMachine();

const outcome = { passed: 0, failed: 0, skipped: 0 };
const check = spawnSync(process.execPath, ["tasks/check.mjs"], { cwd: root, stdio: "inherit" });
outcome[check.status === 0 ? "passed" : "failed"] += 1;

const couldNotRun = 77;
/** More than that is no accident. */
const mostTriedAgain = 5;

/** Runs a program that leaves vitest's report in the file it is given; its status, and the report if there is one. */
function reported(commandFor) {
  const scratch = mkdtempSync(join(tmpdir(), "convirt-test-"));
  try {
    const file = join(scratch, "report.json");
    const [program, ...words] = commandFor(file);
    const { status } = spawnSync(program, words, { cwd: root, stdio: "inherit" });
    return { status, report: existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function count({ status, report }) {
  if (status === couldNotRun) {
    outcome.skipped += 1;
    return;
  }
  // Without a report it came to no test at all.
  outcome.passed += report?.numPassedTests ?? 0;
  outcome.failed += report?.numFailedTests ?? 0;
  outcome.skipped += report === undefined ? 0 : report.numPendingTests + report.numTodoTests;
  // A file that does not load, or a fault outside of any test, fails the run without a failed test to count.
  if (status !== 0 && !report?.numFailedTests) outcome.failed += 1;
}

function vitest(config, files = []) {
  return reported((report) => [
    ...[bin("vitest"), "run", "--config", config],
    ...["--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...files],
  ]);
}

/**
 * In CI (`CI=true`) files in which a test failed are run once more, by themselves: a test that looks too soon on a machine that is busy is to be mended, and is no reason to
 * turn a change away. It is said, and the failure stands above. What fails twice has failed.
 */
function suite(config) {
  const first = vitest(config);
  const failed = (first.report?.testResults ?? []).filter((file) => file.status === "failed");
  if (first.status === 0 || !process.env.CI || failed.length === 0 || failed.length > mostTriedAgain)
    return count(first);
  const names = failed.map((file) => relative(root, file.name));
  process.stderr.write(`\n*** Run once more, since a test in them failed: ${names.join(", ")} ***\n\n`);
  const second = vitest(config, names);
  const passed = first.report.testResults
    .filter((file) => file.status !== "failed")
    .flatMap((file) => file.assertionResults);
  const of = (status) => passed.filter((test) => test.status === status).length;
  outcome.passed += of("passed");
  outcome.skipped += of("pending") + of("todo") + of("skipped");
  count(second);
}

// The browser comes after the rest: it waits for what is on a screen, and is not to wait for a machine that has its hands full.
for (const config of ["vitest.config.ts", "vitest.browser.config.ts"]) suite(config);
if (process.argv.includes("--xen"))
  count(reported((report) => [process.execPath, "tasks/xen.mjs", "--short", "--report", report]));
const skipped = outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : "";
process.stdout.write(`${outcome.passed} passed, ${outcome.failed} failed${skipped}\n`);
process.exit(outcome.failed === 0 ? 0 : 1);
