// The contract of a destination: what the runs that deliver to it rely on, one promise a case.
import type { Destination } from "../../fetch/destinations/destination.ts";
import { is, isCallback, isSwitch, isTime, type Checks } from "../option-checks.ts";
import { casesOf, checkContract, type ContractCase } from "./case.ts";
import { KEYED } from "./destination/keys.ts";
import type { DestinationContractOptions } from "./destination/options.ts";
import { OVERLAPS } from "./destination/overlaps.ts";
import { DestinationTrial } from "./destination/trial.ts";
import { WHOLE } from "./destination/whole.ts";

const CHECKS: Checks<DestinationContractOptions> = {
  messages: isCallback,
  keeps: is('"bytes" or a function', (value) => value === "bytes" || typeof value === "function"),
  refusesEmpty: isSwitch,
  contents: isCallback,
  knowsKeys: isSwitch,
  respectsFences: isSwitch,
  reopen: isCallback,
  failWrites: isCallback,
  refuse: isCallback,
  ledger: isCallback,
  remove: isCallback,
  timeout: isTime("ms", 1),
};

/**
 * Returns the contract tests for a destination of your own: what a run relies on, one promise a case. They work
 * with node:test, Vitest, Jest and any other runner: pass `name` and `run` of each to its `test`. `make` is
 * called once for each case, and returns a destination to a new, empty place. What more you give in `options`
 * decides which cases are run: the others are listed as not run, with the option that they need.
 *
 * Throws `POP3_CONFIG` if an option is unknown or wrong, and `POP3_INVALID_ARGUMENT` if `make` is not a
 * function.
 *
 * @example
 * ```ts
 * const stored = new Map<string, Buffer>();
 * const cases = destinationContract(
 *   () => {
 *     stored.clear();
 *     return deliverTo(({ key, octets }) => (stored.has(key) ? "known" : void stored.set(key, octets)));
 *   },
 *   { messages: () => [...stored.values()], keeps: "bytes", knowsKeys: true },
 * );
 * for (const { name, run } of cases) test(name, run); // test of node:test, Vitest or Jest
 * ```
 */
export function destinationContract<D extends Destination>(
  make: () => D | Promise<D>,
  options: DestinationContractOptions<D> = {},
): ContractCase[] {
  checkContract(make, options, CHECKS);
  // Each function of the options is called only with what `make` or `reopen` has returned.
  const given = options as unknown as DestinationContractOptions;
  const begin = async (): Promise<DestinationTrial> => new DestinationTrial(await make(), given);
  return casesOf([...WHOLE, ...KEYED, ...OVERLAPS], given, begin);
}
