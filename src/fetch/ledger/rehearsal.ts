// The ledger of a dry run: it knows what the real ledger knows, and writes nothing.
import { configError } from "../../options/checks.ts";
import { applyChanges } from "./changes.ts";
import type { Ledger, LedgerChanges, LedgerEntry, MailboxLedger, MailboxState } from "./ledger.ts";

/** Reads a mailbox without holding it. New records are kept in this object only. */
export class Rehearsal implements MailboxLedger {
  readonly entries: Map<string, LedgerEntry>;
  state: MailboxState;
  readonly keyName: string | undefined;

  private constructor(entries: Map<string, LedgerEntry>, state: MailboxState, keyName: string | undefined) {
    this.entries = entries;
    this.state = state;
    this.keyName = keyName;
  }

  /** Rejects with `POP3_CONFIG` if the ledger has no `read`. */
  static async open(ledger: Ledger, mailbox: string): Promise<Rehearsal> {
    if (typeof ledger.read !== "function")
      throw configError(
        "policy.dryRun needs a ledger with a method read(mailbox), such as FileLedger or MemoryLedger",
      );
    const { entries, state, keyName } = await ledger.read(mailbox);
    return new Rehearsal(new Map(entries), state, keyName);
  }

  record(changes: LedgerChanges): Promise<void> {
    this.state = applyChanges(this.entries, this.state, changes);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
