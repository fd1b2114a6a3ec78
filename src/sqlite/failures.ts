// Converts the errors of SQLite: which of them are temporary, and what they mean for a ledger and a destination.
import { Pop3Error } from "../errors.ts";
import { DestinationError } from "../fetch/destinations/destination-error.ts";
import { LedgerError } from "../fetch/ledger/ledger-error.ts";
import { foreignError, messageOf } from "../protocol/foreign-error.ts";
import { printable } from "../protocol/printable.ts";

/** The primary result codes of SQLite that the database as a whole can cause, see https://sqlite.org/rescode.html. */
const CODES: Readonly<Record<string, number>> = {
  SQLITE_PERM: 3,
  SQLITE_BUSY: 5,
  SQLITE_LOCKED: 6,
  SQLITE_NOMEM: 7,
  SQLITE_READONLY: 8,
  SQLITE_INTERRUPT: 9,
  SQLITE_IOERR: 10,
  SQLITE_CORRUPT: 11,
  SQLITE_FULL: 13,
  SQLITE_CANTOPEN: 14,
  SQLITE_PROTOCOL: 15,
  SQLITE_NOTADB: 26,
};

const numbers = (...names: readonly string[]): ReadonlySet<number> =>
  new Set(names.map((name) => CODES[name] as number));

const BUSY = numbers("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL");
/** They may pass by themselves: another process, no space, no memory, a disk that does not answer. */
const TEMPORARY = new Set([
  ...BUSY,
  ...numbers("SQLITE_NOMEM", "SQLITE_INTERRUPT", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_CANTOPEN"),
]);
const STORAGE = new Set(Object.values(CODES));

/** Returns the primary result code, or `undefined` if it is not an error of SQLite, or another one. */
function resultCode(error: unknown): number | undefined {
  const { code, errcode } = (error ?? {}) as { readonly code?: unknown; readonly errcode?: unknown };
  // node:sqlite has the extended code as a number, better-sqlite3 as a name such as SQLITE_IOERR_WRITE.
  if (typeof errcode === "number") return errcode & 0xff;
  if (typeof code !== "string") return undefined;
  return CODES[code.split("_").slice(0, 2).join("_")];
}

/** The words of SQLite and of better-sqlite3, because there is no code for it. */
const IN_TRANSACTION = /within a transaction|busy executing a query/;

/** Tells whether the database is busy with a transaction, of another process or of the program itself. */
export function isBusy(error: unknown): boolean {
  return BUSY.has(resultCode(error) ?? 0) || (error instanceof Error && IN_TRANSACTION.test(error.message));
}

/** Tells whether the database as a whole causes an error, not the statement. */
export function isStorageFailure(error: unknown): boolean {
  return STORAGE.has(resultCode(error) ?? 0);
}

/** Makes the `POP3_LEDGER` error of an operation. An error of this package stays as it is. */
export function ledgerFailure(what: string, error: unknown): Pop3Error {
  if (Pop3Error.is(error)) return error;
  const reason = messageOf(error);
  const hint = IN_TRANSACTION.test(reason)
    ? ". The program has a transaction or an iterator open: end it in the same turn, or give the store a connection of its own"
    : "";
  return new LedgerError(`${printable(what)}: ${printable(reason)}${hint}`, {
    cause: error,
    temporary: isBusy(error) || TEMPORARY.has(resultCode(error) ?? 0),
  });
}

/** Makes the error of a delivery that the database has refused. No message is to blame. */
export function deliveryFailure(error: unknown): Pop3Error {
  if (LedgerError.is(error) && error.code === "POP3_LEASE_LOST") return error;
  const failure = ledgerFailure("cannot store the message", error);
  return new DestinationError(failure.message, { cause: foreignError(failure), down: true });
}
