// Converts the errors of Redis into errors of a ledger, and decides which of them are temporary.
import { Pop3Error } from "../errors.ts";
import { LedgerError } from "../fetch/ledger/ledger-error.ts";
import { printable } from "../protocol/printable.ts";
import { bareError, messageOf } from "../protocol/foreign-error.ts";

/** What Redis answers if its settings or its contents must be changed first. All other errors may pass by themselves. */
const PERMANENT = /^(?:NOAUTH|WRONGPASS|NOPERM|WRONGTYPE|ERR)\b/;

/** Makes the `POP3_LEDGER` error of an operation. Another error of this package stays as it is. */
export function ledgerFailure(what: string, error: unknown): Pop3Error {
  if (Pop3Error.is(error)) return error;
  const reason = messageOf(error);
  return new LedgerError(`${printable(what)}: ${printable(reason)}`, {
    // That of ioredis has the command, which may be AUTH.
    cause: bareError(error),
    temporary: !PERMANENT.test(reason),
  });
}
