// Checks the options with which a ledger is opened.
import { argumentError, checkNames, checkObject, checkSignal } from "../../options/checks.ts";
import type { LedgerOpenOptions } from "./ledger.ts";

/** Throws `POP3_INVALID_ARGUMENT` for an unknown option, or a signal that is not one. */
export function checkOpenOptions(options: LedgerOpenOptions): void {
  checkObject("options", options, argumentError);
  checkNames("options", options, ["signal"], argumentError);
  checkSignal("signal", options.signal, argumentError);
}
