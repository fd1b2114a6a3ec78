// The tests of `npm test`: no network beyond loopback, no server but our own, the same outcome each time.
import { defineConfig, type ViteUserConfig } from "vitest/config";

/** The longest of the hostile ones among the other tests; `npm run test:hostile` has them. */
export const HOSTILE: string[] = [
  "test/parse/hostile-mime.test.ts",
  "test/fetch/destinations/mbox-sleeper.test.ts",
];

const config: ViteUserConfig = defineConfig({
  // `import "popwright"` means the sources, as in tsconfig.json.
  resolve: { tsconfigPaths: true },
  // Node 20 has no `await using`.
  oxc: { target: "node20" },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [
      "test/interop/**",
      "test/servers/**",
      "test/hostile/**",
      "test/endurance/**",
      "test/sqlite/**",
      "test/postgres/**",
      "test/fleet/**",
      ...HOSTILE,
    ],
    // A process for each file: sockets, process-wide events and warnings of one cannot reach another.
    pool: "forks",
    // On two cores the default is to leave one idle.
    maxWorkers: "100%",
    // Milliseconds, for what hangs. No test comes near them, even if the machine has ten times more to do than it can.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    env: { TZ: "UTC" },
    allowOnly: false,
    restoreMocks: true,
    unstubEnvs: true,
    // A line for each file.
    reporters: ["default"],
    slowTestThreshold: 30_000,
    silent: "passed-only",
    coverage: {
      include: ["src/**/*.ts"],
      reporter: ["text-summary"],
    },
  },
});

export default config;
