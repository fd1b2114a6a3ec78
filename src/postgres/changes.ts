// Merges the changes of several records, so that one statement makes them.
import type { LedgerChanges, LedgerEntry, MailboxState } from "../fetch/ledger/ledger.ts";

export interface MergedChanges {
  /** By `id`. None of them is in `gone`. */
  readonly put: ReadonlyMap<string, LedgerEntry>;
  readonly gone: ReadonlySet<string>;
  readonly state: MailboxState | undefined;
}

/** Returns what is left of the changes when all of them are made in order. */
export function merged(all: readonly LedgerChanges[]): MergedChanges {
  const put = new Map<string, LedgerEntry>();
  const gone = new Set<string>();
  let state: MailboxState | undefined;
  for (const changes of all) {
    for (const entry of changes.entries ?? []) {
      put.set(entry.id, entry);
      gone.delete(entry.id);
    }
    for (const id of changes.forgotten ?? []) {
      put.delete(id);
      gone.add(id);
    }
    state = changes.state ?? state;
  }
  return { put, gone, state };
}
