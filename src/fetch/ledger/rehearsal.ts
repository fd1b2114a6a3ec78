// The ledger of a dry run: it knows what the real ledger knows, and writes nothing.
import type { Ledger, LedgerEntry, LedgerSnapshot, MailboxLedger, MailboxState } from "./ledger.ts";

/** Reads a mailbox without holding it. New records are kept in this object only. */
export class Rehearsal implements MailboxLedger {
  readonly state: MailboxState;
  readonly keyName: string | undefined;
  readonly fence = 0n;
  readonly takenOver = false;
  readonly lost: AbortSignal = new AbortController().signal;
  readonly #entries: ReadonlyMap<string, LedgerEntry>;

  private constructor({ entries, state, keyName }: LedgerSnapshot) {
    this.#entries = entries;
    this.state = state;
    this.keyName = keyName;
  }

  static async open(ledger: Ledger, mailbox: string): Promise<Rehearsal> {
    return new Rehearsal(await ledger.read(mailbox));
  }

  load(): Promise<Map<string, LedgerEntry>> {
    return Promise.resolve(new Map(this.#entries));
  }

  record(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
