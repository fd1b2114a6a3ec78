// A case of a contract: one promise of an interface, and a test of it that runs under any test runner.
import { AssertionError } from "node:assert/strict";
import { argumentError, checkDuration, checkObject, shown } from "../../options/checks.ts";
import type { Duration } from "../../options/checks.ts";
import { checkOptions, type Checks } from "../option-checks.ts";
import { Broken, told, type Calls } from "./calls.ts";

/** What a test runner passes to a test: the part of it that a case uses. node:test and Vitest have it. */
export interface ContractContext {
  /** Marks the test as skipped. */
  readonly skip?: ((reason?: string) => unknown) | undefined;
}

/** One promise of an interface, with its test. */
export interface ContractCase {
  /**
   * The promise in plain words. If the case is not run, it ends with the reason:
   * `... (not run: give the option expire)`.
   */
  readonly name: string;
  /** Why the case is not run; `undefined` if it is run. */
  readonly notRun: string | undefined;
  /**
   * Tests the promise. Rejects with an `AssertionError` of `node:assert` that says which promise is broken, and
   * how. If the case is not run, it skips the test of node:test or Vitest whose `context` it is given, and
   * resolves without one.
   */
  readonly run: (context?: ContractContext) => Promise<void>;
}

/** The option that both contracts have. */
interface TrialOptions {
  readonly timeout?: Duration;
}

/** The longest time of a timer; milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Throws `POP3_INVALID_ARGUMENT` or `POP3_CONFIG` if the arguments of a contract are wrong. */
export function checkContract<O extends TrialOptions>(make: unknown, options: O, checks: Checks<O>): void {
  if (typeof make !== "function") throw argumentError(`make must be a function (got ${shown(make)})`);
  checkObject("options", options);
  checkOptions("options", options, checks);
}

/** What a test of a promise works with. */
export interface Trial {
  readonly calls: Calls;
  /** Ends what the test has left open, and removes the store. */
  end(): Promise<void>;
}

/** A promise, and how to test it. `O`: the options of the contract. */
export interface Promised<T, O> {
  readonly name: string;
  /** The options without which the case is not run. */
  readonly needs?: readonly (keyof O & string)[];
  readonly test: (trial: T) => Promise<void>;
}

/** Thrown by a test that does not apply, because an optional part of the interface is missing. */
export class NotApplicable extends Error {}

/** Makes the cases. `begin` is called once for each case that is run. */
export function casesOf<T extends Trial, O extends TrialOptions>(
  promises: readonly Promised<T, O>[],
  options: O,
  begin: () => Promise<T>,
): ContractCase[] {
  const timeout = Math.min(checkDuration("options.timeout", options.timeout ?? 30_000, "ms"), LONGEST_TIMER);
  return promises.map(({ name, needs = [], test }): ContractCase => {
    const missing = needs.filter((option) => options[option] === undefined || options[option] === false);
    if (missing.length > 0) {
      const notRun = `give the option ${missing.join(" and ")}`;
      const run: ContractCase["run"] = async (...[context]) => void context?.skip?.(`not run: ${notRun}`);
      return { name: `${name} (not run: ${notRun})`, notRun, run };
    }
    // Without a parameter of its own, as Jest and Mocha would pass a callback and wait for it.
    const run: ContractCase["run"] = async (...[context]) => {
      const why = await outcomeOf(name, begin, test, timeout);
      if (why !== undefined) context?.skip?.(`not run: ${why}`);
    };
    return { name, notRun: undefined, run };
  });
}

/** Runs a test. Resolves with the reason if it does not apply. */
async function outcomeOf<T extends Trial>(
  name: string,
  begin: () => Promise<T>,
  test: (trial: T) => Promise<void>,
  timeout: number,
): Promise<string | undefined> {
  const trial = await begin();
  try {
    await limited(() => test(trial), timeout, trial.calls);
  } catch (error) {
    // The first error matters more than one of the clean-up.
    await trial.end().catch(() => undefined);
    if (error instanceof NotApplicable) return error.message;
    throw asAssertion(name, error);
  }
  await trial.end();
  return undefined;
}

async function limited(test: () => Promise<void>, timeout: number, calls: Calls): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Broken(overdue(timeout, calls.pending))), timeout);
  });
  try {
    await Promise.race([test(), limit]);
  } finally {
    clearTimeout(timer);
  }
}

function overdue(timeout: number, pending: readonly string[]): string {
  const calls = pending.length === 0 ? "the test" : pending.join(" and ");
  return `${calls} did not end within ${timeout} ms (the option timeout)`;
}

function asAssertion(name: string, error: unknown): AssertionError {
  const how = error instanceof Broken ? error.message : `the test ended with an unexpected ${told(error)}`;
  const { actual, expected } = error instanceof Broken ? error : {};
  const failure = new AssertionError({ message: `Broken promise: ${name}. How: ${how}`, actual, expected });
  failure.cause = error instanceof Broken ? error.cause : error;
  return failure;
}
