// What a run of vitest leaves in a file for run.ts: each test by its name, and how it went.
import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

interface TestOutcome {
  /** Suites and test, with " > " between them. */
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped";
  readonly errors: readonly string[];
}

interface FileOutcome {
  /** From the root of the repository. */
  readonly file: string;
  /** What kept the file, or a suite in it, from being run as a whole. */
  readonly errors: readonly string[];
  readonly tests: readonly TestOutcome[];
}

export interface Outcome {
  readonly files: readonly FileOutcome[];
  /** Errors that were not caught. */
  readonly unhandled: readonly string[];
}

/** The environment variable that names the file. */
export const OUTCOME_FILE = "POPWRIGHT_OUTCOME_FILE";

interface Failure {
  readonly message?: string;
  readonly stack?: string | undefined;
}

const worded = ({ stack, message = "" }: Failure): string =>
  stack?.includes(message) === true ? stack : `${message}\n${stack ?? ""}`;

export default class OutcomeReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly Failure[]): void {
    const outcome: Outcome = { files: modules.map(fileOutcome), unhandled: unhandled.map(worded) };
    writeFileSync(process.env[OUTCOME_FILE] as string, JSON.stringify(outcome));
  }
}

function fileOutcome(module: TestModule): FileOutcome {
  const suites = [...module.children.allSuites()];
  return {
    file: module.relativeModuleId,
    errors: [module, ...suites].flatMap((each) => each.errors().map(worded)),
    tests: [...module.children.allTests()].map((test) => {
      const { state, errors = [] } = test.result();
      return {
        name: test.fullName,
        state: state === "pending" ? "skipped" : state,
        errors: errors.map(worded),
      };
    }),
  };
}
