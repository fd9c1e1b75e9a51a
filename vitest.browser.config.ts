// The web UI in a real browser: the second half of `npm test`, and `npm run test:browser` alone.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/src/browser/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
