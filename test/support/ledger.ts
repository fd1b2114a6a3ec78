// Ledgers for tests: what a destination is given, and ledgers that differ from a good one in one point.
import { MemoryLedger, type Ledger, type LedgerEntry, type MailboxLedger } from "../../src/fetch/index.ts";

/** The open ledger that a destination is given. No test destination uses it. */
export const HELD: MailboxLedger = await new MemoryLedger().open("held");

/** The entry of a delivered message. */
export function entryFor(id: string): LedgerEntry {
  return { id, status: "delivered", firstSeen: 1 };
}

/** A ledger that behaves like `inner`, but for what `change` says of each open mailbox. */
export function ledgerWith(
  change: (mailbox: MailboxLedger) => Partial<MailboxLedger>,
  inner: Ledger = new MemoryLedger(),
): Ledger {
  return {
    async open(name, options) {
      const mailbox = await inner.open(name, options);
      const { state, keyName, fence, takenOver, lost } = mailbox;
      return {
        state,
        keyName,
        fence,
        takenOver,
        lost,
        load: () => mailbox.load(),
        record: (changes) => mailbox.record(changes),
        close: (changes) => mailbox.close(changes),
        ...change(mailbox),
      };
    },
    read: (name) => inner.read(name),
  };
}

/** The names of the mailboxes that a ledger knows. */
export async function namesIn(ledger: Required<Pick<Ledger, "mailboxes">>): Promise<string[]> {
  const names: string[] = [];
  for await (const { mailbox } of ledger.mailboxes()) names.push(mailbox);
  return names;
}
