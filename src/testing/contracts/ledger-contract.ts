// The contract of a ledger: what the runs that use it rely on, one promise a case.
import type { Ledger } from "../../fetch/ledger/ledger.ts";
import { isCallback, isSwitch, isTime, type Checks } from "../option-checks.ts";
import { casesOf, checkContract, type ContractCase } from "./case.ts";
import { FAILURES } from "./ledger/failures.ts";
import { LEASES } from "./ledger/leases.ts";
import { LISTING } from "./ledger/listing.ts";
import { OPENING } from "./ledger/opening.ts";
import type { LedgerContractOptions } from "./ledger/options.ts";
import { RECORDS } from "./ledger/records.ts";
import { LedgerTrial } from "./ledger/trial.ts";

const CHECKS: Checks<LedgerContractOptions> = {
  reopen: isCallback,
  expire: isCallback,
  failWrites: isCallback,
  tear: isCallback,
  noticesLoss: isSwitch,
  loneSurrogates: isSwitch,
  remove: isCallback,
  timeout: isTime("ms", 1),
};

/**
 * Returns the contract tests for a ledger of your own: what a run relies on, one promise a case. They work with
 * node:test, Vitest, Jest and any other runner: pass `name` and `run` of each to its `test`. `make` is called
 * once for each case, and returns a ledger on a new, empty store. What more you give in `options` decides which
 * cases are run: the others are listed as not run, with the option that they need.
 *
 * Throws `POP3_CONFIG` if an option is unknown or wrong, and `POP3_INVALID_ARGUMENT` if `make` is not a
 * function.
 *
 * @example
 * ```ts
 * const cases = ledgerContract(() => new MemoryLedger());
 * for (const { name, run } of cases) test(name, run); // test of node:test, Vitest or Jest
 * ```
 */
export function ledgerContract<L extends Ledger>(
  make: () => L | Promise<L>,
  options: LedgerContractOptions<L> = {},
): ContractCase[] {
  checkContract(make, options, CHECKS);
  // Each function of the options is called only with what `make` has returned.
  const given = options as unknown as LedgerContractOptions;
  const begin = async (): Promise<LedgerTrial> => new LedgerTrial(await make(), given);
  return casesOf([...RECORDS, ...OPENING, ...LEASES, ...FAILURES, ...LISTING], given, begin);
}
