// The tests of `npm run test:interop`: against real servers, which each test starts on loopback and ends.
import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  resolve: { tsconfigPaths: true },
  oxc: { target: "node20" },
  test: {
    include: ["test/interop/**/*.test.ts"],
    pool: "forks",
    // One server at a time: it brings a dozen processes.
    fileParallelism: false,
    // Milliseconds; generous, for a server that starts on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    env: { TZ: "UTC" },
    allowOnly: false,
    reporters: ["default"],
    silent: "passed-only",
  },
});

export default config;
