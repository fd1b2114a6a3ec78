// What the author of a ledger gives to its contract.
import type { Ledger } from "../../../fetch/ledger/ledger.ts";
import type { Duration } from "../../../options/checks.ts";

/**
 * What the contract of a ledger needs in addition to the ledger. Each option is optional; a case that needs a
 * missing one is listed as not run. Each function receives the ledger that `make` has returned.
 */
export interface LedgerContractOptions<L extends Ledger = Ledger> {
  /**
   * Returns another ledger on the same store, as another process has it, and this process after a restart.
   * Leave it out if the ledger is in memory.
   */
  readonly reopen?: (ledger: L) => L | Promise<L>;
  /**
   * Makes the lease of a mailbox run out at once, as if its holder had not renewed it for too long. The next
   * `open` can then take over the mailbox.
   */
  readonly expire?: (ledger: L, mailbox: string) => unknown;
  /**
   * Makes the writing of entries and states fail, as a full disk does, while a mailbox can still be released.
   * Returns a function that ends this.
   */
  readonly failWrites?: (ledger: L) => (() => unknown) | Promise<() => unknown>;
  /**
   * Cuts the last write to a mailbox short, as a power loss in the middle of it would. It is called while no
   * run writes. Leave it out if the store undoes torn writes itself, as databases do.
   */
  readonly tear?: (ledger: L, mailbox: string) => unknown;
  /**
   * Whether the ledger notices by itself, without a call, that another run has taken over a mailbox. Give the
   * ledger of the contract a short heartbeat.
   * @default false
   */
  readonly noticesLoss?: boolean;
  /** Whether texts may have surrogates without their partner. UTF-8 cannot keep them. @default false */
  readonly loneSurrogates?: boolean;
  /** Removes the store. It is called at the end of each case. */
  readonly remove?: (ledger: L) => unknown;
  /**
   * How long one case may take. A number is in milliseconds. After that it fails, and names the calls that have not
   * settled. @default 30000
   */
  readonly timeout?: Duration;
}
