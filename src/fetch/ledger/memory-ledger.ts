// A ledger in memory: for tests, and for programs that keep what they fetched no longer than themselves.
import { Pop3Error } from "../../errors.ts";
import { applyChanges } from "./changes.ts";
import type {
  Ledger,
  LedgerChanges,
  LedgerEntry,
  LedgerSnapshot,
  MailboxLedger,
  MailboxState,
} from "./ledger.ts";

interface Kept {
  readonly entries: Map<string, LedgerEntry>;
  state: MailboxState;
  held: boolean;
}

/** Keeps its mailboxes as long as it is kept itself. */
export class MemoryLedger implements Ledger {
  readonly #mailboxes: Map<string, Kept> = new Map();

  open(mailbox: string): Promise<MailboxLedger> {
    let kept = this.#mailboxes.get(mailbox);
    if (kept === undefined) {
      kept = { entries: new Map(), state: {}, held: false };
      this.#mailboxes.set(mailbox, kept);
    }
    if (kept.held) {
      return Promise.reject(
        new Pop3Error("POP3_MAILBOX_BUSY", `another run is fetching the mail of ${mailbox}`),
      );
    }
    kept.held = true;
    return Promise.resolve(new MemoryMailbox(kept));
  }

  /** What is known of a mailbox now, whether a run holds it or not. */
  read(mailbox: string): Promise<LedgerSnapshot> {
    const { entries, state } = this.#mailboxes.get(mailbox) ?? { entries: new Map(), state: {} };
    return Promise.resolve({ entries: new Map(entries), state });
  }
}

class MemoryMailbox implements MailboxLedger {
  readonly #kept: Kept;
  #open = true;

  constructor(kept: Kept) {
    this.#kept = kept;
  }

  get entries(): ReadonlyMap<string, LedgerEntry> {
    return this.#kept.entries;
  }

  get state(): MailboxState {
    return this.#kept.state;
  }

  record(changes: LedgerChanges): Promise<void> {
    if (!this.#open) return Promise.reject(new Pop3Error("POP3_LEDGER", "the ledger is closed"));
    this.#kept.state = applyChanges(this.#kept.entries, this.#kept.state, changes);
    return Promise.resolve();
  }

  close(): Promise<void> {
    if (this.#open) this.#kept.held = false;
    this.#open = false;
    return Promise.resolve();
  }
}
