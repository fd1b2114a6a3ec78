// What the author of a destination gives to its contract.
import type { Destination } from "../../../fetch/destinations/destination.ts";
import type { Ledger } from "../../../fetch/ledger/ledger.ts";
import type { Duration } from "../../../options/checks.ts";

/**
 * What the contract of a destination needs in addition to the destination. Each option is optional; a case that
 * needs a missing one is listed as not run. Each function receives the destination that `make` has returned.
 */
export interface DestinationContractOptions<D extends Destination = Destination> {
  /**
   * Returns the messages that are stored, in any order, as a reader would see them. Without it, only the
   * answers of the destination are tested.
   */
  readonly messages?: (destination: D) => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /**
   * What is kept of the bytes of a message: `"bytes"` if it is all of them, unchanged; or a function that
   * returns what is kept of a message.
   */
  readonly keeps?: "bytes" | ((message: Buffer) => Uint8Array);
  /** Whether a message without a single byte is refused, as mail servers do. @default false: it is stored */
  readonly refusesEmpty?: boolean;
  /**
   * Names everything that is stored: files, rows, objects. After a delivery that was not committed, the list
   * must be the same as before it.
   */
  readonly contents?: (destination: D) => readonly string[] | Promise<readonly string[]>;
  /** Whether a message is recognised by its key when it comes again. @default false */
  readonly knowsKeys?: boolean;
  /** Whether a run with a smaller fence than an earlier run of the same mailbox is refused. @default false */
  readonly respectsFences?: boolean;
  /** Returns another destination on the same place, as another process has it, and this one after a restart. */
  readonly reopen?: (destination: D) => D | Promise<D>;
  /** Makes every write fail, as a full disk does. Returns a function that ends this. */
  readonly failWrites?: (destination: D) => (() => unknown) | Promise<() => unknown>;
  /** Makes the destination refuse the message with this key, at the latest in `commit`, and no other. */
  readonly refuse?: (destination: D, key: string) => unknown;
  /**
   * Returns the ledger into which the destination records, if it writes entries in the transaction of the
   * message. Without it, the destination is given a ledger in memory.
   */
  readonly ledger?: (destination: D) => Ledger;
  /** Removes the place. It is called at the end of each case. */
  readonly remove?: (destination: D) => unknown;
  /**
   * How long one case may take. A number is in milliseconds. After that it fails, and names the calls that have not
   * settled. @default 30000
   */
  readonly timeout?: Duration;
}
