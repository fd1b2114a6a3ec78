// What a store says about the lease of a mailbox: another run holds it, or this run has lost it.
import { Pop3Error } from "../errors.ts";
import { isDead } from "../fetch/files/process-space.ts";
import { LedgerError } from "../fetch/ledger/ledger-error.ts";
import { printable } from "../protocol/printable.ts";

/** Makes the error of a mailbox that another run holds. */
export function mailboxBusy(mailbox: string): Pop3Error {
  return new Pop3Error("POP3_MAILBOX_BUSY", `another run is fetching the mail of ${printable(mailbox)}`);
}

/** Makes the error of a run whose mailbox another run has. */
export function leaseLost(mailbox: string, how: string): LedgerError {
  return new LedgerError(`the lease of ${printable(mailbox)} is lost: ${how}`, { leaseLost: true });
}

/** Makes the error of a run that may have lost its mailbox, because the database did not answer. */
export function notRenewed(mailbox: string, cause: unknown): LedgerError {
  return new LedgerError(`the lease of ${printable(mailbox)} could not be renewed in time`, {
    cause,
    leaseLost: true,
  });
}

/**
 * Tells whether the process of a run is known to be dead. `token`: the name of the run, see `processName`. `ours`: that
 * of any run of this process.
 */
export function isHolderDead(token: string, ours: string): boolean {
  const [pid = "", space] = token.split("-", 2);
  const [, ourSpace] = ours.split("-", 2);
  return space === ourSpace && isDead(Number(pid));
}
