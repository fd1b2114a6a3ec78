// The tests of `npm run test:mutation`: each piece of what reads a server, or answers it, is changed, and some test has
// to notice. One folder: `npm run test:mutation -- -m "src/auth/**/*.ts"`.
const config = {
  testRunner: "vitest",
  vitest: { configFile: "vitest.mutation.config.ts" },
  plugins: ["./stryker.runner.mjs"],
  mutate: ["src/{protocol,auth}/**/*.ts"],
  coverageAnalysis: "perTest",
  // What is copied for the mutants; `node_modules` is linked to.
  ignorePatterns: ["**", "!src/**", "!test/**", "!package.json", "!tsconfig.json", "!vitest*.config.ts"],
  tempDirName: "reports/mutation-work",
  // Milliseconds, beside one and a half times what the tests take: for mutants that go on for ever.
  timeoutMS: 5000,
  // The static ones as well: the order in which methods are chosen is static. It is known that they take longer.
  ignoreStatic: false,
  warnings: { slow: false },
  reporters: ["clear-text", "json", "progress-append-only"],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  jsonReporter: { fileName: "reports/mutation.json" },
  // Percent, of both folders together. Below `break` the run fails: 93 of them are 85 at least of each.
  thresholds: { high: 97, low: 93, break: 93 },
};

export default config;
