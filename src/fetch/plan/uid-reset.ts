// Whether all unique-ids have changed at once, as when mail moves to another server: then everything looks new, and
// would come again.
import { namesOne } from "./header-digest.ts";
import type { LedgerEntry } from "../ledger/ledger.ts";
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

/**
 * Whether the listed messages seem to be the expected ones. `headers`: digests of some of the listed ones, by message
 * number; `undefined` if the server does not give headers (no TOP).
 *
 * Digests that name a message decide, if there are any on both sides. Otherwise look and size decide together. Sizes alone
 * decide only about messages whose headers are not known: none were retrieved, or the server gives none.
 */
export function areThere(
  listing: readonly Listed[],
  expected: readonly LedgerEntry[],
  headers: ReadonlyMap<number, string> | undefined,
): boolean {
  if (headers === undefined || headers.size === 0) return agree(listing.map(sizeOf), expected.map(sizeOf));
  const names = new Set(expected.map((entry) => entry.headers).filter(namesOne));
  const digests = [...headers.values()];
  if (names.size > 0 && digests.some(namesOne)) return digests.some((digest) => names.has(digest));
  const sample = listing.filter(({ number }) => headers.has(number));
  const looks = sample.map(({ number, size }) => lookOf(headers.get(number), size));
  if (
    agree(
      looks,
      expected.map((entry) => lookOf(entry.headers, entry.size)),
    )
  )
    return true;
  const unknown = expected.filter((entry) => entry.headers === undefined);
  return agree(listing.map(sizeOf), unknown.map(sizeOf));
}

function sizeOf({ size }: { readonly size?: number | undefined }): string | undefined {
  return size === undefined ? undefined : String(size);
}

function lookOf(headers: string | undefined, size: number | undefined): string | undefined {
  return headers === undefined || size === undefined ? undefined : `${headers} ${String(size)}`;
}

/** Whether at least three of these, and half of the fewer, agree with one of those each: that is not by chance. */
function agree(these: readonly (string | undefined)[], those: readonly (string | undefined)[]): boolean {
  const counts = new Map<string, number>();
  for (const one of those) if (one !== undefined) counts.set(one, (counts.get(one) ?? 0) + 1);
  let agreeing = 0;
  for (const one of these) {
    const left = one === undefined ? 0 : (counts.get(one) ?? 0);
    if (left === 0) continue;
    agreeing++;
    counts.set(one as string, left - 1);
  }
  return agreeing >= FEW && agreeing * 2 >= Math.min(these.length, those.length);
}

/**
 * The entries under their new unique-ids, and the old ids that are to be forgotten. `headers`: the digests of the
 * listed messages, by message number. What matches nothing is new, what nothing matches is gone. A digest that does not
 * name one message matches nothing: a new message must not be taken for a known one.
 */
export function matched(
  listing: readonly Listed[],
  expected: readonly LedgerEntry[],
  headers: ReadonlyMap<number, string | undefined>,
): { readonly entries: readonly LedgerEntry[]; readonly forgotten: readonly string[] } {
  const known = new Map<string, LedgerEntry[]>();
  for (const entry of expected) {
    if (!namesOne(entry.headers)) continue;
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
