// The interface of a ledger: it remembers which messages of a mailbox were delivered, and survives a crash. A
// message that it records as delivered is not fetched again. A message that it has not recorded may be.

/**
 * The status of a message.
 *
 * - `"delivered"`: the destination has it.
 * - `"headers"`: the destination has only its headers, because the message was too large.
 * - `"baseline"`: it was in the mailbox before the first run, and is not fetched.
 * - `"skipped"`: it was too large, or the policy excluded it.
 * - `"failed"`: it could not be delivered. The next try is at `retryAt` or later.
 * - `"quarantined"`: its delivery has failed too often. It is not tried again.
 * - `"deleted"`: the server has confirmed that it deleted the message.
 */
export type MessageStatus =
  "delivered" | "headers" | "baseline" | "skipped" | "failed" | "quarantined" | "deleted";

/** What is known of one message. */
export interface LedgerEntry {
  /** The unique-id. If it is missing or not unique: `"\0"` and a digest of the content. */
  readonly id: string;
  /** What has happened to the message. */
  readonly status: MessageStatus;
  /** When the message was first listed; milliseconds since 1970. */
  readonly firstSeen: number;
  /** Its size as reported by LIST; bytes. */
  readonly size?: number;
  /**
   * A digest of some of its headers, in hexadecimal. The message is recognised by it if all unique-ids have
   * changed. If it begins with `~`, other messages may have the same headers: the message has no Message-ID,
   * no Date, and no time in Received.
   */
  readonly headers?: string;
  /** How often the message itself was the cause of a failed delivery. */
  readonly tries?: number;
  /** How often its delivery has failed, for any reason. The length of the pauses depends on it. */
  readonly failures?: number;
  /** With `"failed"`: the time before which the message is not tried again; milliseconds since 1970. */
  readonly retryAt?: number;
  /** Why the message failed or was skipped: one printable line of at most 200 characters, without secrets. */
  readonly reason?: string;
  /** With `"failed"` and `"quarantined"`: when the last delivery failed; milliseconds since 1970. */
  readonly failedAt?: number;
  /** Since when the server no longer lists the message; milliseconds since 1970. */
  readonly goneSince?: number;
}

/** The state of a mailbox as a whole. */
export interface MailboxState {
  /** When the mailbox was last listed; milliseconds since 1970. `undefined`: never. */
  readonly lastRun?: number;
  /**
   * The time before which no login is tried: because of LOGIN-DELAY, or of the pause after a failure;
   * milliseconds since 1970.
   */
  readonly notBefore?: number;
  /**
   * When `notBefore` was set; milliseconds since 1970. If the clock shows an earlier time, it was put back,
   * and `notBefore` is ignored.
   */
  readonly notBeforeSaid?: number;
  /** The adapted pause between two polls; milliseconds. */
  readonly interval?: number;
  /** The number of failed runs since the last successful one. */
  readonly failures?: number;
  /**
   * Identifies the mail from before the first run, while some of it is recognised by its content and was not
   * yet examined.
   */
  readonly baseline?: string;
  /**
   * Until when commands are sent one at a time, because the server broke a session in which several were in
   * flight; milliseconds since 1970.
   */
  readonly serialUntil?: number;
  /**
   * A digest of the unique-ids and sizes that the server listed, and of the policy, when there was nothing
   * left to do. If the next listing has the same digest and nothing is due, the run does not load the entries.
   */
  readonly listing?: string;
  /**
   * When something known becomes due although the listing stays the same: a deletion, another try, or the end
   * of the time for which entries of vanished messages are kept; milliseconds since 1970. `undefined`: never.
   */
  readonly due?: number;
  /** The number of runs in a row whose process died before the first message. */
  readonly crashes?: number;
}

/** The changes of one `record`. If the process dies during the call, either all of them are made, or none. */
export interface LedgerChanges {
  /** New entries, and entries that replace those with the same `id`. */
  readonly entries?: readonly LedgerEntry[];
  /** The ids of entries to remove. */
  readonly forgotten?: readonly string[];
  /** Replaces the whole state. */
  readonly state?: MailboxState;
}

/** What a ledger knows of a mailbox. */
export interface LedgerSnapshot {
  /** By `id`. */
  readonly entries: ReadonlyMap<string, LedgerEntry>;
  /** The state of the mailbox as a whole. */
  readonly state: MailboxState;
  /**
   * The name of the mailbox in the keys of its messages, if the ledger was renamed. The keys stay as they
   * were, so that a destination still recognises the messages that it has.
   */
  readonly keyName?: string | undefined;
}

/** The ledger of one mailbox, held by one run at a time. */
export interface MailboxLedger {
  /** The state of the mailbox when it was opened. */
  readonly state: MailboxState;
  /** See {@link LedgerSnapshot.keyName}. */
  readonly keyName?: string | undefined;
  /**
   * Grows with each `open` of this mailbox. A destination can remember the largest fence that it has seen for a
   * mailbox, and refuse a run with a smaller one: that run has lost the mailbox, for example after a long sleep
   * of its process.
   */
  readonly fence: bigint;
  /** Whether the last run has not closed the mailbox: its process has died, or this run took the mailbox from it. */
  readonly takenOver: boolean;
  /**
   * Aborted when another run has taken over the mailbox, or when this run could not renew its lease in time.
   * The reason is an error with the code `POP3_LEASE_LOST`. The run then closes its connection and delivers
   * nothing more.
   */
  readonly lost: AbortSignal;
  /**
   * Reads the entries, by `id`. A run calls it at most once, and only if it needs them. The Map belongs to the
   * caller. Rejects with `POP3_LEDGER` if they cannot be read.
   */
  load(): Promise<Map<string, LedgerEntry>>;
  /**
   * Changes entries and state together, and resolves when the changes are durable. Calls that overlap may
   * share one write. Rejects with `POP3_LEDGER` if the changes cannot be written. They may then be lost, and
   * nothing more is recorded. Rejects with `POP3_LEASE_LOST` if another run has taken over the mailbox.
   */
  record(changes: LedgerChanges): Promise<void>;
  /**
   * Optional. Confirms that this run still holds the mailbox. It is called before a delivery begins, before it
   * commits, and before DELE and QUIT. Rejects with `POP3_LEASE_LOST` if another run has taken over the
   * mailbox, for example after a long sleep of this process. A recent check may be reused.
   */
  confirm?(): Promise<void>;
  /**
   * Records the changes, waits until everything is recorded, then releases the mailbox for another run. A change
   * of only `lastRun` and `interval` need not be durable. May be called more than once; later calls do nothing.
   * Rejects like {@link record}; the mailbox is released in any case.
   */
  close(changes?: LedgerChanges): Promise<void>;
}

/** A mailbox as listed by {@link Ledger.mailboxes}. */
export interface LedgerMailbox {
  /** The name of the mailbox. */
  readonly mailbox: string;
  /** Its state now. */
  readonly state: MailboxState;
  /** Whether a run holds the mailbox now. */
  readonly held: boolean;
}

/** Stores the ledgers of mailboxes. */
export interface Ledger {
  /**
   * Opens the ledger of a mailbox, and holds it. Rejects with `POP3_MAILBOX_BUSY` if another run holds it,
   * and with `POP3_LEDGER` if it cannot be read. `signal` ends the wait; then it rejects with `POP3_ABORTED`,
   * and holds nothing.
   */
  open(mailbox: string, options?: LedgerOpenOptions): Promise<MailboxLedger>;
  /**
   * Reads what is known of a mailbox now. It does not hold the mailbox, and changes nothing. The result is
   * empty if the mailbox is not known. Rejects with `POP3_LEDGER` if the ledger cannot be read.
   */
  read(mailbox: string): Promise<LedgerSnapshot>;
  /** Optional. Lists all known mailboxes, in any order: for status pages. */
  mailboxes?(): AsyncIterable<LedgerMailbox>;
  /**
   * Optional. Forgets everything about a mailbox. Resolves with whether it was known. Rejects with
   * `POP3_MAILBOX_BUSY` while a run holds it.
   */
  delete?(mailbox: string): Promise<boolean>;
  /** Optional. Renames the ledger of a mailbox. The keys of its messages stay, see {@link LedgerSnapshot.keyName}. */
  rename?(from: string, to: string): Promise<void>;
}

/** The options of {@link Ledger.open}. */
export interface LedgerOpenOptions {
  /** Ends the wait for the mailbox. */
  readonly signal?: AbortSignal | undefined;
}
