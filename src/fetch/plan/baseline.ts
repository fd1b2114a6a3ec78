// Selects the mail that was in the mailbox before the first run, if the policy does not want all of it.
//
// A message with a unique-id is noted in the ledger at once. A message that is identified by its content must
// be retrieved first, which may take more than one run: a mark keeps the baseline until then.
import { createHash } from "node:crypto";
import type { CompletePolicy } from "./policy.ts";

/** The size of a message as the server lists it, in octets. */
interface Sized {
  readonly size: number | undefined;
}

/** Returns the messages that the first run must not fetch: the oldest ones. */
export function oldMail<T extends Sized>(
  listing: readonly T[],
  firstRun: CompletePolicy["firstRun"],
): readonly T[] {
  if (firstRun === "all") return [];
  return firstRun === "none" ? listing : listing.slice(0, Math.max(0, listing.length - firstRun.newest));
}

/**
 * Returns a mark that identifies these messages in a later session: their number, and a digest of their sizes
 * in order.
 */
export function markOf(old: readonly Sized[]): string {
  const sizes = old.map(({ size }) => String(size)).join(" ");
  return `${String(old.length)} ${createHash("sha256").update(sizes).digest("hex")}`;
}

/**
 * Returns the messages of a mark. Returns none if one of them is missing: the mark cannot tell then which
 * ones are new.
 */
export function markedMail<T extends Sized>(mark: string, listing: readonly T[]): readonly T[] {
  const old = listing.slice(0, Number.parseInt(mark, 10));
  return markOf(old) === mark ? old : [];
}
