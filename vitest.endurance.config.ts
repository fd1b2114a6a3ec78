// The tests of `npm run test:endurance`: what fetches is killed, its disk is full, its mailbox is large; from what the last build left.
import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  resolve: { tsconfigPaths: true },
  oxc: { target: "node20" },
  test: {
    include: ["test/endurance/**/*.test.ts"],
    pool: "forks",
    // One at a time: each of them keeps two processes busy.
    fileParallelism: false,
    // Milliseconds: hundreds of processes begin and die in one test.
    testTimeout: 300_000,
    hookTimeout: 60_000,
    env: { TZ: "UTC" },
    allowOnly: false,
    reporters: ["default"],
    silent: "passed-only",
  },
});

export default config;
