// A ledger in memory for destinations that need one in a test: it has what was recorded, and no other run takes it over.
import type {
  LedgerChanges,
  LedgerEntry,
  MailboxLedger,
  MailboxState,
} from "../../../fetch/ledger/ledger.ts";

export class PlainLedger implements MailboxLedger {
  readonly state: MailboxState = {};
  readonly fence: bigint = 1000n;
  readonly takenOver = false;
  readonly lost: AbortSignal = new AbortController().signal;
  readonly #entries: Map<string, LedgerEntry> = new Map();

  load(): Promise<Map<string, LedgerEntry>> {
    return Promise.resolve(new Map(this.#entries));
  }

  record({ entries = [], forgotten = [] }: LedgerChanges): Promise<void> {
    for (const entry of entries) this.#entries.set(entry.id, entry);
    for (const id of forgotten) this.#entries.delete(id);
    return Promise.resolve();
  }

  confirm(): Promise<void> {
    return Promise.resolve();
  }

  close(changes: LedgerChanges = {}): Promise<void> {
    return this.record(changes);
  }
}
