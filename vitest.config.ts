import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["*/src/**/*.test.ts", "controller/contract/src/**/*.test.ts"],
    // The pages in a browser are `npm run test:browser`; what they weigh is measured here.
    exclude: ["**/dist/**", "**/node_modules/**", "test/src/browser/{entering,working}.test.ts"],
    // Room for a slow machine: a test that hangs is what this ends.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
