// What a ledger is: it knows of each message of a mailbox whether it was delivered, and survives whatever ends the
// process. What it says is done is done; what it has not written may be done again.

/**
 * What became of a message.
 *
 * - `"delivered"`: the destination has it.
 * - `"headers"`: the destination has its headers only, as it was too large.
 * - `"baseline"`: it was there before the first run, and is none of ours.
 * - `"skipped"`: it was too large, or the policy left it out.
 * - `"failed"`: it could not be delivered; it is tried again from `retryAt` on.
 * - `"quarantined"`: it could not be delivered so often that it is left alone.
 * - `"deleted"`: the server has confirmed that it deleted it.
 */
export type MessageStatus =
  "delivered" | "headers" | "baseline" | "skipped" | "failed" | "quarantined" | "deleted";

/** What is known of one message. */
export interface LedgerEntry {
  /** The unique-id, or, where that is missing or not unique, `"\0"` and the digest of the content. */
  readonly id: string;
  readonly status: MessageStatus;
  /** When it was first listed; milliseconds since 1970. */
  readonly firstSeen: number;
  /** Its size as LIST announced it; octets. */
  readonly size?: number;
  /**
   * A digest of a few of its headers, in hexadecimal: it is known again by it when all unique-ids have changed. One that
   * begins with `~` is of headers that other messages may have, too: no Message-ID, no Date, no time stamp in Received.
   */
  readonly headers?: string;
  /** How often it was to blame for a failure of its delivery. */
  readonly tries?: number;
  /** How often its delivery has failed: the pauses go by it. */
  readonly failures?: number;
  /** With `"failed"`: not tried again before; milliseconds since 1970. */
  readonly retryAt?: number;
  /** Why it failed, or was skipped: one printable line of at most 200 characters, without secrets. */
  readonly reason?: string;
  /** With `"failed"` and `"quarantined"`: when its delivery failed last; milliseconds since 1970. */
  readonly failedAt?: number;
  /** Since when the server lists it no more; milliseconds since 1970. */
  readonly goneSince?: number;
}

/** What is known of a mailbox as a whole. */
export interface MailboxState {
  /** When it was last listed; milliseconds since 1970. `undefined`: never. */
  readonly lastRun?: number;
  /** No login before; milliseconds since 1970: LOGIN-DELAY, or the pause behind a failure. */
  readonly notBefore?: number;
  /** When `notBefore` was said; milliseconds since 1970. It means nothing to a clock that was put back behind that. */
  readonly notBeforeSaid?: number;
  /** The pause between two polls as it has adapted itself; milliseconds. */
  readonly interval?: number;
  /** How many runs have failed, one behind the other. */
  readonly failures?: number;
  /** The mail of before the first run, while there is some that goes by its content and was not looked at yet. */
  readonly baseline?: string;
  /** A run has begun and not ended: where it is no longer under way, the process died in it. */
  readonly running?: boolean;
  /**
   * Until when the server gets one command at a time, as it broke a session in which several were in flight;
   * milliseconds since 1970.
   */
  readonly serialUntil?: number;
}

/** What one `record` changes: all of it, or, where the process dies in it, perhaps none. */
export interface LedgerChanges {
  /** Entries that are new or take the place of those with the same `id`. */
  readonly entries?: readonly LedgerEntry[];
  /** The ids of entries that are forgotten. */
  readonly forgotten?: readonly string[];
  /** Takes the place of the whole state. */
  readonly state?: MailboxState;
}

/** What a ledger says of a mailbox. */
export interface LedgerSnapshot {
  /** By `id`. */
  readonly entries: ReadonlyMap<string, LedgerEntry>;
  readonly state: MailboxState;
  /**
   * The name of the mailbox in the keys of its messages, if it is not the name of the mailbox: the ledger was renamed.
   * Keys stay as they were, so that a destination still recognises what it has.
   */
  readonly keyName?: string | undefined;
}

/** The ledger of one mailbox, held by one run at a time. Its entries and state are those of the last `record`. */
export interface MailboxLedger extends LedgerSnapshot {
  /**
   * Changes entries and state at once, and resolves when that is durable. Calls that overlap may share the work.
   * Rejects with `POP3_LEDGER` where it cannot be written; nothing is taken for durable then, and nothing more is
   * recorded.
   */
  record(changes: LedgerChanges): Promise<void>;
  /**
   * Optional. Called before each message is handed to the destination, twice: before it begins, and before it commits.
   * Rejects with `POP3_LEDGER` if another run has taken the mailbox over, as after a long sleep of this process; may
   * rely on the last check if that is recent.
   */
  confirm?(): Promise<void>;
  /** Waits for what is being recorded, and gives the mailbox free for another run. More than one call does no harm. */
  close(): Promise<void>;
}

/** Where ledgers are kept. */
export interface Ledger {
  /**
   * Takes the ledger of a mailbox, and what it says of it. Rejects with `POP3_MAILBOX_BUSY` where another run holds
   * it, and with `POP3_LEDGER` where it cannot be read.
   */
  open(mailbox: string): Promise<MailboxLedger>;
  /**
   * What is known of a mailbox now. It takes the mailbox from no run, and changes nothing. Empty, if the mailbox is not
   * known. Rejects with `POP3_LEDGER` if it cannot be read. `policy.dryRun` needs it.
   */
  read?(mailbox: string): Promise<LedgerSnapshot>;
}
