// Stryker's runner for vitest, with one fault corrected: a run without any test must not count.
//
// On a busy machine, a run that follows a cancelled one may end before its first test. Stryker then reports the mutant
// as survived (https://github.com/stryker-mutator/stryker-js/issues/6213). Run it again, and report an error if there
// is still no test.
import { strykerPlugins as vitest } from "@stryker-mutator/vitest-runner";

export { strykerValidationSchema } from "@stryker-mutator/vitest-runner";

const ATTEMPTS = 5;

function factory(injector) {
  const runner = vitest[0].factory(injector);
  const run = runner.mutantRun.bind(runner);
  runner.mutantRun = async (options) => {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const result = await run(options);
      if (result.status !== "survived" || result.nrOfTests > 0) return result;
    }
    return { status: "error", errorMessage: "no test was run for this mutant" };
  };
  return runner;
}
factory.inject = vitest[0].factory.inject;

export const strykerPlugins = [{ kind: "TestRunner", name: "vitest", factory }];
