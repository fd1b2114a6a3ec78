// The ledger of the mailbox, as one session uses it: the session retrieves the next message while the ledger
// records the last one.
import type { LedgerChanges, LedgerEntry, MailboxLedger, MailboxState } from "../ledger/ledger.ts";

export class SessionLedger {
  readonly #ledger: MailboxLedger;
  #recorded: Promise<unknown> = Promise.resolve();
  #hasFailed = false;
  #isLost = false;

  constructor(ledger: MailboxLedger) {
    this.#ledger = ledger;
  }

  get entries(): ReadonlyMap<string, LedgerEntry> {
    return this.#ledger.entries;
  }

  get state(): MailboxState {
    return this.#ledger.state;
  }

  get keyName(): string | undefined {
    return this.#ledger.keyName;
  }

  /** Whether a change was not recorded: the session must not begin another message. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Whether another run may hold the mailbox now: deliver nothing, record nothing. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Records changes, and resolves when they are durable. */
  record(changes: LedgerChanges): Promise<void> {
    return this.#ledger.record(changes);
  }

  /** Begins to record changes. {@link recorded} tells when they are durable. */
  recordLater(changes: LedgerChanges): void {
    const recorded = this.#ledger.record(changes);
    // These handlers prevent an unhandled rejection until the session awaits `recorded`.
    recorded.catch(() => (this.#hasFailed = true));
    this.#recorded = this.#recorded.then(() => recorded);
    this.#recorded.catch(() => undefined);
  }

  /** Resolves when all changes so far are durable. Rejects if one of them was not recorded. */
  async recorded(): Promise<void> {
    await this.#recorded;
  }

  /** Rejects if another run has taken over the mailbox. */
  async confirm(): Promise<void> {
    try {
      await this.#ledger.confirm?.();
    } catch (error) {
      this.#isLost = true;
      throw error;
    }
  }
}
