// The checks of `npm run check:package`: on the tarball that would be published, from what the last build left.
import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  oxc: { target: "node20" },
  test: {
    include: ["test/package/*.check.ts"],
    pool: "forks",
    // Milliseconds: the compiler runs in them.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    allowOnly: false,
    reporters: ["default"],
    silent: "passed-only",
  },
});

export default config;
