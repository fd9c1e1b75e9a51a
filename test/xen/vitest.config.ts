import { basename } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** From what everything rests on to what takes the machine apart; the first five are the short form. */
const order = [
  "facts",
  "provisioning",
  "power",
  "failures",
  "agent-restart",
  "storage",
  "disk-image",
  "kinds",
  "lost-host",
  "idle",
  "operating",
];
const place = (file: TestSpecification) => order.indexOf(basename(file.moduleId, ".test.ts"));

class InOrder extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return Promise.resolve([...files].sort((a, b) => place(a) - place(b)));
  }
}

export default defineConfig({
  test: {
    root: import.meta.dirname,
    // To record is no test of anything; it is asked for by name.
    include: process.env["CONVIRT_XEN_RECORD"] === "1" ? ["record/*.test.ts"] : ["src/*.test.ts"],
    globalSetup: "src/setup.ts",
    // One dom0, one thing at a time; waits are long, for emulation is slow and a machine may be busy.
    pool: "forks",
    maxWorkers: 1,
    isolate: false,
    fileParallelism: false,
    sequence: { sequencer: InOrder },
    testTimeout: 20 * 60_000,
    hookTimeout: 20 * 60_000,
    teardownTimeout: 60_000,
  },
});
