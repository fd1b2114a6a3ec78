// Converts the errors of PostgreSQL and of its client: which of them are temporary, whose fault they are, and what they
// mean for a ledger and a destination.
import { Pop3Error } from "../errors.ts";
import { DestinationError } from "../fetch/destinations/destination-error.ts";
import { isOutage } from "../fetch/files/outage.ts";
import { LedgerError } from "../fetch/ledger/ledger-error.ts";
import { bareError, messageOf } from "../protocol/foreign-error.ts";
import { printable } from "../protocol/printable.ts";

/** Code of an error of the server: https://www.postgresql.org/docs/current/errcodes-appendix.html. `EPIPE` is not one. */
const SQLSTATE = /^(?:\d|F0|HV|P0|XX)[0-9A-Z]+$/;

/**
 * They may pass by themselves: connections (08), conflicts and deadlocks (40), a lack of space, memory or connections
 * (53), restarts and timeouts (57), the disk (58), a standby server or one that has failed over, a transaction that was
 * idle or took too long, and a lock.
 */
const TEMPORARY = /^(?:08|40|53|57|58|25006|25P03|25P04|55P03)/;

/** Temporary, and only of one transaction: conflicts, deadlocks, and statements that took too long. */
const OF_A_TRANSACTION = /^(?:40|57014|25P03|25P04|55P03)/;

/** The connection is lost, and with it the answer. */
const CONNECTION = /^(?:08|57P0)/;

/** The words of `pg` for it, because there is no code. */
const LOST =
  /^(?:Connection terminated|timeout exceeded when trying to connect|timeout expired|Client has encountered a connection error|Client was closed|Query read timeout)/;

const SOCKET = new Set(["EPIPE", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT"]);

/** Returns the error of the server or of the connection that caused an error: libraries wrap it. */
function origin(error: unknown): unknown {
  for (let [at, depth] = [error, 0]; at instanceof Error && depth < 8; [at, depth] = [at.cause, depth + 1])
    if (sqlStateOf(at) !== undefined || isNetworkError(at)) return at;
  return error;
}

function sqlStateOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === "string" && code.length === 5 && SQLSTATE.test(code) ? code : undefined;
}

function isNetworkError(error: unknown): boolean {
  const { code, message = "" } = (error ?? {}) as { readonly code?: unknown; readonly message?: string };
  return SOCKET.has(String(code)) || isOutage(error) || LOST.test(message);
}

/** Tells whether the tables are not there. */
export function isMissing(error: unknown): boolean {
  return ["42P01", "3F000"].includes(sqlStateOf(error) ?? "");
}

/** Tells whether a statement has waited too long for the lock of another transaction. */
export function isLocked(error: unknown): boolean {
  return sqlStateOf(error) === "55P03";
}

/** Tells whether the handler has ended the transaction itself, by the error of the next statement. */
export function isOutsideTransaction(error: unknown): boolean {
  return ["25P01", "3B001"].includes(sqlStateOf(error) ?? "");
}

/** Tells whether the server has refused a COMMIT, so that it is certain that nothing was committed. */
export function isRolledBack(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state !== undefined && !CONNECTION.test(state);
}

/** Tells whether an error may pass without any change. */
export function isTemporaryFailure(error: unknown): boolean {
  const cause = origin(error);
  return isNetworkError(cause) || TEMPORARY.test(sqlStateOf(cause) ?? "");
}

/** Tells whether an error may pass, and concerns one transaction only. */
export function isOfTransaction(error: unknown): boolean {
  return OF_A_TRANSACTION.test(sqlStateOf(origin(error)) ?? "");
}

/** It is not known whether a transaction was committed: its messages and entries are there, or neither is. */
export class UnknownOutcome extends Error {
  /** After `COMMIT` was sent, no answer has come. */
  static ofCommit(cause: unknown): UnknownOutcome {
    return new UnknownOutcome(`the connection was lost during COMMIT: ${reasonOf(cause)}`, { cause });
  }

  /** The handler has ended the transaction itself. */
  static ofHandler(): UnknownOutcome {
    return new UnknownOutcome(
      "the transaction of the store has ended: a handler must not call BEGIN, COMMIT or ROLLBACK",
    );
  }
}

/** What an error says, without what it carries: that may be a connection with its password. */
function reasonOf(error: unknown): string {
  return printable(messageOf(error));
}

/** Makes the `POP3_LEDGER` error of an operation. An error of this package stays as it is. */
export function ledgerFailure(what: string, error: unknown): Pop3Error {
  if (Pop3Error.is(error)) return error;
  const hint = isMissing(error)
    ? ". Are the tables missing? Call migrate() of the store, or execute PostgresStore.schema"
    : "";
  return new LedgerError(`${printable(what)}: ${reasonOf(error)}${hint}`, {
    cause: bareError(error),
    temporary: error instanceof UnknownOutcome || isTemporaryFailure(error),
  });
}

/** Makes the error of a delivery that the database has refused. No message is to blame. */
export function deliveryFailure(error: unknown): Pop3Error {
  if (DestinationError.is(error) || (LedgerError.is(error) && error.code === "POP3_LEASE_LOST")) return error;
  const failure = ledgerFailure("cannot store the message", error);
  return new DestinationError(failure.message, {
    cause: failure,
    down: !isOfTransaction(error),
    later: true,
  });
}
