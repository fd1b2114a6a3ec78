// The tests of `npm run test:torture`: the command line that the last build left, while its system calls fail.
import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  resolve: { tsconfigPaths: true },
  oxc: { target: "node20" },
  test: {
    include: ["test/torture/**/*.test.ts"],
    pool: "forks",
    // It keeps all processors busy itself.
    fileParallelism: false,
    // Milliseconds: each test runs up to thousands of processes.
    testTimeout: 3_600_000,
    hookTimeout: 60_000,
    env: { TZ: "UTC" },
    allowOnly: false,
    reporters: ["default"],
    silent: "passed-only",
  },
});

export default config;
