import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["*/src/**/*.test.ts", "controller/contract/src/**/*.test.ts"],
    exclude: ["**/dist/**", "**/node_modules/**"],
    // Room for a slow machine: a test that hangs is what this ends.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
