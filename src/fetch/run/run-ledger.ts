// The ledger of the mailbox, as one run uses it. It keeps what the run knows of entries and state, and writes
// the state together with the next change of entries, or at the end. The session retrieves the next message while
// the ledger records the last one.
import { applyChanges } from "../ledger/changes.ts";
import type { LedgerChanges, LedgerEntry, MailboxLedger, MailboxState } from "../ledger/ledger.ts";

/** Changes of entries. The state has a way of its own, {@link RunLedger.setState}. */
type EntryChanges = Omit<LedgerChanges, "state">;

export class RunLedger {
  /** The ledger itself, for a destination that writes into the same database. */
  readonly held: MailboxLedger;
  #state: MailboxState;
  /** Whether the state is not recorded yet. */
  #isStateNew = false;
  #entries: Map<string, LedgerEntry> | undefined;
  #recorded: Promise<unknown> = Promise.resolve();
  #hasFailed = false;
  #isLost = false;

  constructor(held: MailboxLedger) {
    this.held = held;
    this.#state = held.state;
  }

  get state(): MailboxState {
    return this.#state;
  }

  /** The entries, including all changes so far. {@link load} must come first. */
  get entries(): ReadonlyMap<string, LedgerEntry> {
    if (this.#entries === undefined) throw new Error("the entries of the ledger are not loaded");
    return this.#entries;
  }

  /** Whether a change was not recorded: the session must not begin another message. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Whether another run may hold the mailbox now: deliver nothing, record nothing. */
  get isLost(): boolean {
    return this.#isLost || this.held.lost.aborted;
  }

  /** Reads the entries, unless an earlier session of the run has read them. */
  async load(): Promise<void> {
    this.#entries ??= await this.held.load();
  }

  /** Changes the state. It is recorded with the next record, or when the ledger is closed. */
  setState(state: MailboxState): void {
    this.#state = state;
    this.#isStateNew = true;
  }

  /** Records changes, and a new state with them. Resolves when they are durable. */
  async record(changes: EntryChanges = {}): Promise<void> {
    const all = this.#isStateNew ? { ...changes, state: this.#state } : changes;
    this.#isStateNew = false;
    this.apply(changes);
    await this.held.record(all);
  }

  /** Begins to record changes. {@link recorded} tells when they are durable. */
  recordLater(changes: EntryChanges): void {
    const recorded = this.record(changes);
    // These handlers prevent an unhandled rejection until the session awaits `recorded`.
    recorded.catch(() => (this.#hasFailed = true));
    this.#recorded = this.#recorded.then(() => recorded);
    this.#recorded.catch(() => undefined);
  }

  /** Notes changes that the destination has recorded, or that are about to be recorded. */
  apply(changes: EntryChanges): void {
    if (this.#entries !== undefined) applyChanges(this.#entries, this.#state, changes);
  }

  /** Resolves when all changes so far are durable. Rejects if one of them was not recorded. */
  async recorded(): Promise<void> {
    await this.#recorded;
  }

  /** Rejects if another run has taken over the mailbox. */
  async confirm(): Promise<void> {
    this.held.lost.throwIfAborted();
    try {
      await this.held.confirm?.();
    } catch (error) {
      this.#isLost = true;
      throw error;
    }
  }

  /** Records what is not recorded yet, and releases the mailbox for another run. */
  async close(): Promise<void> {
    await this.held.close(this.#isStateNew && !this.isLost ? { state: this.#state } : undefined);
  }
}
