// Recognises a mailbox in which nothing has changed and nothing is due, without the entries of the ledger.
import { createHash } from "node:crypto";
import type { LedgerEntry } from "../ledger/ledger.ts";
import type { CompletePolicy } from "./policy.ts";
import type { Listed } from "./steps.ts";

/**
 * Returns a digest of what a plan depends on, in addition to the entries and the clock: the numbers, unique-ids
 * and sizes that the server lists, and the policy.
 */
export function listingDigest(listing: readonly Listed[], policy: CompletePolicy): string {
  // One text, because 100,000 updates of a hash take longer.
  const lines = listing.map(({ number, uid, size }) => `${number} ${size ?? "-"} ${uid ?? ""}`);
  return createHash("sha256").update(JSON.stringify(policy)).update(lines.join("\n")).digest("hex");
}

/**
 * Returns when one of these entries becomes due although the listing stays the same: its deletion, or the end of
 * the time for which it is kept after its message has vanished; milliseconds since 1970. `undefined`: never.
 */
export function nextDue(
  entries: Iterable<LedgerEntry>,
  { delete: { after }, keep }: Pick<CompletePolicy, "delete" | "keep">,
): number | undefined {
  let due = Infinity;
  for (const { status, firstSeen, goneSince } of entries) {
    if (goneSince !== undefined) due = Math.min(due, goneSince + keep + 1);
    else if (status === "delivered") due = Math.min(due, firstSeen + after);
  }
  return due === Infinity ? undefined : due;
}
