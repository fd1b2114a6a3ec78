// Another try for messages that have failed: one rule for every ledger.
import type { LedgerEntry, LedgerSnapshot, MailboxLedger } from "./ledger.ts";

/** Where {@link releaseMessages} finds a mailbox. */
interface Readable {
  open(mailbox: string): Promise<MailboxLedger>;
  read(mailbox: string): Promise<LedgerSnapshot>;
}

/** Whether the delivery of a message has failed, and it is due later or not at all. */
export function hasFailed({ status }: LedgerEntry): boolean {
  return status === "failed" || status === "quarantined";
}

/**
 * Makes the messages that have failed due now, as if they had never failed: the message of `id`, or all. Returns their
 * entries. It takes the mailbox only if there is something to change.
 */
export async function releaseMessages(
  ledger: Readable,
  mailbox: string,
  id: string | undefined,
): Promise<readonly LedgerEntry[]> {
  if (released(await ledger.read(mailbox), id).length === 0) return [];
  const held = await ledger.open(mailbox);
  try {
    const entries = released(held, id);
    await held.record({ entries });
    return entries;
  } finally {
    await held.close();
  }
}

function released({ entries }: LedgerSnapshot, id: string | undefined): LedgerEntry[] {
  const failed = [...entries.values()].filter(hasFailed);
  return failed.filter((entry) => id === undefined || entry.id === id).map(withAnotherTry);
}

/** Why and when it failed last stays there to be read. */
function withAnotherTry({ retryAt: _, ...entry }: LedgerEntry): LedgerEntry {
  return { ...entry, status: "failed", tries: 0, failures: 0 };
}
