// Applies the changes of one record. Every ledger uses this one rule.
import type { LedgerChanges, LedgerEntry, MailboxState } from "./ledger.ts";

/** Changes `entries` in place. Returns the new state of the mailbox. */
export function applyChanges(
  entries: Map<string, LedgerEntry>,
  state: MailboxState,
  { entries: changed = [], forgotten = [], state: next = state }: LedgerChanges,
): MailboxState {
  for (const entry of changed) entries.set(entry.id, entry);
  for (const id of forgotten) entries.delete(id);
  return next;
}
