// Detects that all unique-ids have changed at once, for example because the mail moved to another server.
// Without this check every message would look new and would be delivered again.
import { namesOne } from "./header-digest.ts";
import type { LedgerEntry } from "../ledger/ledger.ts";
import { isContentId, isSettled } from "./entry.ts";
import type { Listed } from "./steps.ts";

/** The smallest number of messages that is evidence: fewer may vanish together, or agree, by chance. */
const FEW = 3;
/** How many messages are sampled, at most, before all are taken for new. */
const SAMPLE = 8;

/**
 * Returns the entries that the server should list, if it lists none of them. Returns an empty array if there
 * is nothing suspicious.
 */
export function vanished(
  listing: readonly Listed[],
  entries: ReadonlyMap<string, LedgerEntry>,
): readonly LedgerEntry[] {
  if (listing.length === 0) return [];
  const expected = [...entries.values()].filter(
    ({ id, status, goneSince }) => goneSince === undefined && status !== "deleted" && !isContentId(id),
  );
  // What was never delivered cannot be delivered twice.
  if (expected.length < FEW || !expected.some(isSettled)) return [];
  return listing.some(({ uid }) => uid !== undefined && entries.has(uid)) ? [] : expected;
}

/**
 * Returns a sample of the messages, spread over the listing. Their headers tell whether they are old messages
 * with new unique-ids.
 */
export function sampleOf(listing: readonly Listed[]): readonly Listed[] {
  const step = Math.max(1, listing.length / SAMPLE);
  const sample: Listed[] = [];
  for (let at = 0; at < listing.length; at += step) sample.push(listing[Math.floor(at)] as Listed);
  return sample;
}

/**
 * Returns whether the listed messages seem to be the expected ones. `headers`: digests of some of the listed
 * messages, by message number; `undefined` if the server cannot send headers (no TOP).
 *
 * Digests that identify one message decide, if both sides have some: one that agrees is enough, if the policy
 * keeps its message. Otherwise the digest together with the size decides. Sizes alone decide only about messages
 * whose headers are not known, because none were retrieved or the server cannot send them. Mail from before the first
 * run has no digests, and must not be fetched, whatever has become of other messages.
 *
 * `leaving`: those of the expected entries whose messages the policy deletes now. A QUIT whose reply was lost may
 * have deleted all of them at once, and a second copy of one may still be there, or have come: most must agree.
 */
export function areThere(
  listing: readonly Listed[],
  expected: readonly LedgerEntry[],
  headers: ReadonlyMap<number, string> | undefined,
  leaving: ReadonlySet<LedgerEntry> = new Set(),
): boolean {
  if (headers === undefined || headers.size === 0) return agree(listing.map(sizeOf), expected.map(sizeOf));
  const unknown = expected.filter((entry) => entry.headers === undefined && isSettled(entry));
  if (agree(listing.map(sizeOf), unknown.map(sizeOf))) return true;
  const known = expected.filter((entry) => namesOne(entry.headers));
  const digests = [...headers.values()];
  if (known.length > 0 && digests.some(namesOne)) {
    const kept = new Set(known.filter((entry) => !leaving.has(entry)).map((entry) => entry.headers));
    return (
      digests.some((digest) => kept.has(digest)) ||
      agree(
        digests,
        known.map((entry) => entry.headers),
      )
    );
  }
  const sample = listing.filter(({ number }) => headers.has(number));
  const looks = sample.map(({ number, size }) => lookOf(headers.get(number), size));
  return agree(
    looks,
    expected.map((entry) => lookOf(entry.headers, entry.size)),
  );
}

interface Sized {
  readonly size?: number | undefined;
}

function sizeOf({ size }: Sized): string | undefined {
  return size === undefined ? undefined : String(size);
}

function lookOf(headers: string | undefined, size: number | undefined): string | undefined {
  return headers === undefined || size === undefined ? undefined : `${headers} ${String(size)}`;
}

/**
 * Returns whether enough values occur on both sides to exclude chance: at least {@link FEW}, and at least
 * half of the smaller side. Each value counts once.
 */
function agree(these: readonly (string | undefined)[], those: readonly (string | undefined)[]): boolean {
  const counts = new Map<string | undefined, number>();
  for (const one of those) if (one !== undefined) counts.set(one, (counts.get(one) ?? 0) + 1);
  let agreeing = 0;
  for (const one of these) {
    const left = counts.get(one) ?? 0;
    if (left === 0) continue;
    agreeing++;
    counts.set(one, left - 1);
  }
  return agreeing >= FEW && agreeing * 2 >= Math.min(these.length, those.length);
}

/**
 * Returns the entries with their new unique-ids, and the old ids to forget. `headers`: the digests of the
 * listed messages, by message number. A listed message without a matching entry is new; an entry without a
 * matching message is gone. A digest that does not identify one message matches nothing: a new message must
 * not be taken for a known one.
 */
export function matched(
  listing: readonly Listed[],
  expected: readonly LedgerEntry[],
  headers: ReadonlyMap<number, string | undefined>,
): { readonly entries: readonly LedgerEntry[]; readonly forgotten: readonly string[] } {
  const known = new Map<string | undefined, LedgerEntry[]>();
  for (const entry of expected) {
    if (!namesOne(entry.headers)) continue;
    const same = known.get(entry.headers);
    if (same === undefined) known.set(entry.headers, [entry]);
    else same.push(entry);
  }
  const entries: LedgerEntry[] = [];
  const forgotten: string[] = [];
  for (const { number, uid, size } of listing) {
    const entry = known.get(headers.get(number))?.shift();
    if (uid === undefined || entry === undefined) continue;
    entries.push({ ...entry, id: uid, ...(size === undefined ? {} : { size }) });
    forgotten.push(entry.id);
  }
  return { entries, forgotten };
}

/**
 * Returns the entries of the mail from before the first run, of which there are no headers, with their new unique-ids.
 * They are recognised together: the first messages that are not `taken` must have just their sizes. Returns `undefined`
 * if that is not so, because then it is not known which messages are new.
 */
export function matchedOld(
  listing: readonly Listed[],
  expected: readonly LedgerEntry[],
  taken: ReadonlySet<string>,
): { readonly entries: readonly LedgerEntry[]; readonly forgotten: readonly string[] } | undefined {
  const old = expected.filter(({ status }) => status === "baseline").sort(bySize);
  const rest = listing.filter(({ uid }) => uid === undefined || !taken.has(uid));
  const first = rest.slice(0, old.length).sort(bySize);
  const entries: LedgerEntry[] = [];
  for (const [index, entry] of old.entries()) {
    const { uid, size } = first[index] ?? {};
    if (uid === undefined || size === undefined || size !== entry.size) return undefined;
    entries.push({ ...entry, id: uid });
  }
  return { entries, forgotten: old.map(({ id }) => id) };
}

function bySize(a: Sized, b: Sized): number {
  return (a.size ?? 0) - (b.size ?? 0);
}
