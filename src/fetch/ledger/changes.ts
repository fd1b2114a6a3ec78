// What a record does to what is known: one rule for every ledger.
import type { LedgerChanges, LedgerEntry, MailboxState } from "./ledger.ts";

/** Changes `entries`, and returns the state as it is then. */
export function applyChanges(
  entries: Map<string, LedgerEntry>,
  state: MailboxState,
  { entries: changed = [], forgotten = [], state: next = state }: LedgerChanges,
): MailboxState {
  for (const entry of changed) entries.set(entry.id, entry);
  for (const id of forgotten) entries.delete(id);
  return next;
}
