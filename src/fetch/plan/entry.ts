// The entries of the ledger: their names, what their status means, and new entries for messages.
import type { LedgerEntry, MessageStatus } from "../ledger/ledger.ts";
import type { Listed } from "./steps.ts";

/** The prefix of a name that is derived from content. A unique-id cannot contain it. */
const CONTENT = "\0";

/**
 * Returns the name in the ledger of a message without a usable unique-id. `digest`: SHA-256 of its octets.
 */
export function contentId(digest: string): string {
  return CONTENT + digest;
}

export function isContentId(id: string): boolean {
  return id.startsWith(CONTENT);
}

/** A message with such a status needs no more work, except perhaps its deletion. */
const SETTLED: ReadonlySet<MessageStatus> = new Set(["delivered", "headers", "baseline", "deleted"]);

/**
 * Returns whether the message of this entry must not be delivered, or not again. A deleted message that was
 * gone and has come back is not settled.
 */
export function isSettled({ status, goneSince }: LedgerEntry): boolean {
  return SETTLED.has(status) && (status !== "deleted" || goneSince === undefined);
}

/** Returns a new entry for a message. `firstSeen`: milliseconds since 1970. */
export function entryOf(
  { size }: Pick<Listed, "size">,
  id: string,
  status: MessageStatus,
  firstSeen: number,
  headers?: string,
): LedgerEntry {
  // No object spread: there may be 100,000 entries, and V8 would give each its own hidden class.
  const entry: { -readonly [Name in keyof LedgerEntry]: LedgerEntry[Name] } = { id, status, firstSeen };
  if (size !== undefined) entry.size = size;
  if (headers !== undefined) entry.headers = headers;
  return entry;
}

/** Returns the entry of a message that the server has deleted. */
export function deleted({ id, firstSeen, size, headers }: LedgerEntry): LedgerEntry {
  return entryOf({ size }, id, "deleted", firstSeen, headers);
}
