// Entries of a ledger whose values come from the input.
import type { LedgerEntry, MessageStatus } from "../../src/fetch/ledger/ledger.ts";

/** The compiler complains if a status is missing. */
const EVERY: Readonly<Record<MessageStatus, true>> = {
  delivered: true,
  headers: true,
  baseline: true,
  skipped: true,
  failed: true,
  quarantined: true,
  deleted: true,
};
const STATUSES = Object.keys(EVERY) as MessageStatus[];

/** Returns an entry whose status and time come from the octet at `at`. */
export function entryFrom(data: Buffer, at: number, id: string): LedgerEntry {
  const octet = data[at] ?? 0;
  return { id, status: STATUSES[octet % STATUSES.length] as MessageStatus, firstSeen: octet * 1_000_000_000 };
}
