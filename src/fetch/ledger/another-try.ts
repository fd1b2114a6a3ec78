// Makes failed messages due again. Every ledger uses this one rule.
import { argumentError, checkText } from "../../options/checks.ts";
import type { LedgerEntry, LedgerSnapshot, MailboxLedger } from "./ledger.ts";

/** The part of a ledger that {@link releaseMessages} needs. */
interface Readable {
  open(mailbox: string): Promise<MailboxLedger>;
  read(mailbox: string): Promise<LedgerSnapshot>;
}

/** Tells whether the delivery of a message has failed. The message is retried later, or not at all. */
export function hasFailed({ status }: LedgerEntry): boolean {
  return status === "failed" || status === "quarantined";
}

/**
 * Makes failed messages due now, as if they had never failed: the message with this `id`, or all of them.
 * Returns their entries. Locks the mailbox only if there is something to change.
 */
export async function releaseMessages(
  ledger: Readable,
  mailbox: string,
  id: string | undefined,
): Promise<readonly LedgerEntry[]> {
  if (id !== undefined) checkText("id", id, argumentError);
  if (released(await ledger.read(mailbox), id).length === 0) return [];
  const held = await ledger.open(mailbox);
  try {
    const entries = released({ entries: await held.load() }, id);
    // The next run must not take the mailbox for unchanged.
    const { listing: _, due: __, ...state } = held.state;
    await held.record({ entries, state });
    return entries;
  } finally {
    await held.close();
  }
}

function released({ entries }: Pick<LedgerSnapshot, "entries">, id: string | undefined): LedgerEntry[] {
  const failed = [...entries.values()].filter(hasFailed);
  return failed.filter((entry) => id === undefined || entry.id === id).map(withAnotherTry);
}

/** Keeps the reason and the time of the last failure, so that they can still be read. */
function withAnotherTry({ retryAt: _, ...entry }: LedgerEntry): LedgerEntry {
  return { ...entry, status: "failed", tries: 0, failures: 0 };
}
