// Whether all unique-ids have changed at once, as when mail moves to another server: then everything looks new, and
// would come again.
import type { LedgerEntry } from "./ledger/ledger.ts";
import { isContentId, type Listed } from "./plan.ts";

/** Fewer messages than these vanish together by chance. */
const FEW = 3;
/** How many messages are looked at, at most, before everything is taken for new. */
const SAMPLE = 8;

/** The messages that should be there, none of which is: empty, where nothing is suspicious. */
export function vanished(
  listing: readonly Listed[],
  entries: ReadonlyMap<string, LedgerEntry>,
): readonly LedgerEntry[] {
  if (listing.length === 0) return [];
  const expected = [...entries.values()].filter(
    ({ id, status, goneSince }) => goneSince === undefined && status !== "deleted" && !isContentId(id),
  );
  if (expected.length < FEW) return [];
  return listing.some(({ uid }) => uid !== undefined && entries.has(uid)) ? [] : expected;
}

/** The messages whose headers tell whether they are old ones under new unique-ids: spread over the listing. */
export function sampleOf(listing: readonly Listed[]): readonly Listed[] {
  const step = Math.max(1, listing.length / SAMPLE);
  const sample: Listed[] = [];
  for (let at = 0; at < listing.length; at += step) sample.push(listing[Math.floor(at)] as Listed);
  return sample;
}

/** Whether so many sizes agree that the messages must be the same ones: for servers without TOP. */
export function sizesAgree(listing: readonly Listed[], expected: readonly LedgerEntry[]): boolean {
  const counts = new Map<number, number>();
  for (const { size } of expected) if (size !== undefined) counts.set(size, (counts.get(size) ?? 0) + 1);
  let agreeing = 0;
  for (const { size } of listing) {
    const left = size === undefined ? 0 : (counts.get(size) ?? 0);
    if (left === 0) continue;
    agreeing++;
    counts.set(size as number, left - 1);
  }
  return agreeing >= FEW && agreeing * 2 >= Math.min(listing.length, expected.length);
}

/**
 * The entries under their new unique-ids, and the old ids that are to be forgotten. `headers`: the digests of the
 * listed messages, by message number. What matches nothing is new, what nothing matches is gone.
 */
export function matched(
  listing: readonly Listed[],
  expected: readonly LedgerEntry[],
  headers: ReadonlyMap<number, string | undefined>,
): { readonly entries: readonly LedgerEntry[]; readonly forgotten: readonly string[] } {
  const known = new Map<string, LedgerEntry[]>();
  for (const entry of expected) {
    if (entry.headers === undefined) continue;
    const same = known.get(entry.headers);
    if (same === undefined) known.set(entry.headers, [entry]);
    else same.push(entry);
  }
  const entries: LedgerEntry[] = [];
  const forgotten: string[] = [];
  for (const { number, uid, size } of listing) {
    const digest = headers.get(number);
    const entry = digest === undefined ? undefined : known.get(digest)?.shift();
    if (uid === undefined || entry === undefined) continue;
    entries.push({ ...entry, id: uid, ...(size === undefined ? {} : { size }) });
    forgotten.push(entry.id);
  }
  return { entries, forgotten };
}
