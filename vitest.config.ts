import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["*/src/**/*.test.ts", "controller/contract/src/**/*.test.ts"],
    // The pages in a browser have a run of their own, behind this.
    exclude: ["**/dist/**", "**/node_modules/**", "test/src/browser/**"],
    // Room for a slow machine: a test that hangs is what this ends.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
