// Stryker, as `npm run test:mutation` runs it: for one part of the sources at a time, see test/mutation/parts.ts.
const part = process.env.MUTATION_PART ?? "unknown";

const config = {
  testRunner: "vitest",
  // The tests of a part are few: to look for those that load a source takes longer than it saves.
  vitest: { configFile: "vitest.mutation.config.ts", related: false },
  plugins: ["./stryker.runner.mjs"],
  coverageAnalysis: "perTest",
  // What is copied for the mutants; `node_modules` is linked to.
  ignorePatterns: ["**", "!src/**", "!test/**", "!package.json", "!tsconfig.json", "!vitest*.config.ts"],
  tempDirName: "reports/mutation-work",
  incrementalFile: `reports/mutation-${part}-incremental.json`,
  // Milliseconds, in addition to one and a half times what the tests take: for mutants that wait for ever. Those that
  // loop are found sooner. Long, because on a busy machine a mutant that no test notices would count as noticed.
  timeoutMS: 30_000,
  // The static ones as well: the order in which methods are chosen is static. It is known that they take longer.
  ignoreStatic: false,
  warnings: { slow: false },
  reporters: ["clear-text", "json", "progress-append-only"],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  jsonReporter: { fileName: `reports/mutation-${part}.json` },
  // Percent, of each part. Below `break` the run fails.
  thresholds: { high: 97, low: 93, break: 93 },
};

export default config;
