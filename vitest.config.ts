// The tests of `npm test`: no network beyond loopback, no server but our own, the same outcome each time.
import { defineConfig, type TestProjectConfiguration, type ViteUserConfig } from "vitest/config";

/** The longest of the hostile ones among the other tests; `npm run test:hostile` has them. */
export const HOSTILE: string[] = [
  "test/parse/hostile-mime.test.ts",
  "test/fetch/destinations/mbox-sleeper.test.ts",
];

/** What compiles or runs whole programs; `npm run test:programs` has them. */
export const PROGRAMS: string[] = [
  "test/docs/**/*.test.ts",
  "test/error-words.test.ts",
  "test/fetch/destinations/programs.test.ts",
  "test/fuzz/planted.test.ts",
  "test/node-pop3/readme.test.ts",
  "test/package/layers.test.ts",
  "test/testing/contracts/runners.test.ts",
];

/** These replace modules. */
export const MOCKING_AUTH: string[] = ["saslprep", "scram-pbkdf2", "gssapi"].map(
  (name) => `test/auth/${name}.test.ts`,
);

export const OTHER_LANES: string[] = [
  ...[
    "interop",
    "servers",
    "hostile",
    "endurance",
    "torture",
    "sqlite",
    "postgres",
    "fleet",
    "examples",
    "simulation",
  ].map((name) => `test/${name}/**`),
  ...HOSTILE,
  ...PROGRAMS,
];

/**
 * Several files share a process: to start one, and to load the sources, takes longer than most of these
 * tests.
 */
const TOGETHER = [
  "test/*.test.ts",
  "test/{auth,client,net,oauth2,parse,pool,protocol,tables,testing}/**/*.test.ts",
  "test/fetch/{destinations,ledger,plan}/**/*.test.ts",
];

/** Of these folders, what replaces modules, or what the process would remember: TLS sessions, broken pipelining. */
const APART = [
  ...MOCKING_AUTH,
  "test/client/tls/**",
  ...["broken-pipelining", "random"].map((name) => `test/client/session/${name}.test.ts`),
  ...["retry", "use"].map((name) => `test/pool/${name}.test.ts`),
  "test/protocol/loading.test.ts",
  "test/testing/replay-recorded.test.ts",
  ...["claim", "held-files", "lock", "renaming"].map((name) => `test/fetch/ledger/${name}.test.ts`),
  ...["command-tree", "gmail", "group", "imap/imapflow-missing", "maildir-reading", "unavailable"].map(
    (name) => `test/fetch/destinations/${name}.test.ts`,
  ),
];

/** A process for each file: sockets, process-wide events and warnings of one cannot reach another. */
export const unit: ViteUserConfig = {
  // `import "popwright"` means the sources, as in tsconfig.json.
  resolve: { tsconfigPaths: true },
  // Node 20 has no `await using`.
  oxc: { target: "node20" },
  test: {
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
  },
};

/** Some of the files, and how they run. */
const project = (name: string, test: ViteUserConfig["test"]): TestProjectConfiguration => ({
  ...unit,
  test: { ...unit.test, name, ...test },
});

const config: ViteUserConfig = defineConfig({
  ...unit,
  test: {
    ...unit.test,
    projects: [
      project("together", { include: TOGETHER, exclude: [...OTHER_LANES, ...APART], isolate: false }),
      project("apart", { include: APART, exclude: OTHER_LANES }),
      project("others", { include: ["test/**/*.test.ts"], exclude: [...OTHER_LANES, ...TOGETHER] }),
    ],
    coverage: {
      include: ["src/**/*.ts"],
      reporter: ["text-summary"],
    },
  },
});

export default config;
