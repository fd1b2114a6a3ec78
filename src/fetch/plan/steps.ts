// What a run can do with a message of the listing: retrieve it, delete it, or skip it.
import type { LedgerEntry } from "../ledger/ledger.ts";

/** A message as the server lists it. */
export interface Listed {
  /** The message number: valid in the session of the run. */
  readonly number: number;
  /** The unique-id; `undefined`: the server gives none. */
  readonly uid: string | undefined;
  /** The size as LIST announces it, in bytes; `undefined`: it is not known. */
  readonly size: number | undefined;
}

/** A message that the run must retrieve. */
export interface Retrieve extends Listed {
  /** Its name in the ledger. `undefined`: the name depends on its content, which is not known yet. */
  readonly id: string | undefined;
  /** If `id` is `undefined`: its name nevertheless if the ledger does not know its content. It is its unique-id. */
  readonly own: string | undefined;
  readonly what: "whole" | "headers";
  /**
   * The message was there before the first run: its content is noted in the ledger, and it is not delivered.
   */
  readonly baseline: boolean;
  /** The ledger's entry with the same unique-id. It may be another message: the headers decide. */
  readonly namesake: LedgerEntry | undefined;
  /** The ledger's entry for this message. */
  readonly before: LedgerEntry | undefined;
}

/** A message that the run must delete without retrieving it. */
export interface Remove extends Listed {
  readonly id: string;
  /** The entry to record after the server has deleted the message. */
  readonly entry: LedgerEntry;
}

/** The ledger's knowledge of a message whose delivery has failed. */
export interface MessageFailure {
  /** The name of the message in the ledger: `ledger.release(mailbox, id)` gives it another try. */
  readonly id: string;
  /** The reason of the last failure: one printable line of at most 200 characters, without secrets. */
  readonly reason: string | undefined;
  /**
   * The time of the last failure, in milliseconds since 1970. `undefined`: popwright 0.1 did not record it.
   */
  readonly at: number | undefined;
  /** How many failures were the fault of the message. After `policy.tries` of them it is no longer tried. */
  readonly tries: number;
}

/** A message that the run neither retrieves nor deletes. */
export interface Skip extends Listed {
  /** Why the run skips the message. */
  readonly reason:
    | "too large"
    | "too large, and the server has no TOP for its headers"
    | "failed, and not due yet"
    | "quarantined";
  /** The time of the next try, in milliseconds since 1970. */
  readonly retryAt?: number;
  /** The last failure. Set if `reason` is `"failed, and not due yet"` or `"quarantined"`. */
  readonly failure?: MessageFailure;
}
