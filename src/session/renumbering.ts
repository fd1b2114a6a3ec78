// What a listing means that was asked for after DELE. Numbers stay what they are until the session ends (RFC 1939 section
// 5). But some servers count the messages again in LIST and UIDL (WildDuck: RETR keeps the first numbers), and others
// still list what is marked (Twisted). No number of such a listing may be read as another message.
import { Pop3ProtocolError, Pop3ReplyError } from "../errors.ts";

/** One LIST or UIDL, and what is known of the maildrop. */
export interface ListingAfterDele<V> {
  readonly listed: ReadonlyMap<number, V>;
  /** The numbers that were marked when the server listed. */
  readonly marked: ReadonlySet<number>;
  /** The same listing from before the first DELE. */
  readonly before: ReadonlyMap<number, V> | undefined;
  /** Whether two values for one message contradict each other: unique-ids do, sizes may be estimates. */
  readonly exact: boolean;
  /** LIST or UIDL of one message, which goes by the first numbers. */
  readonly one: (message: number) => Promise<V>;
  /** Whether there is a message of that number. */
  readonly exists: (message: number) => Promise<boolean>;
}

/**
 * The listing by the numbers of the session, without what is marked. Rejects with `POP3_PROTOCOL` if the server counts
 * the messages themselves again: then no number can be trusted.
 */
export async function listingAfterDele<V>(listing: ListingAfterDele<V>): Promise<Map<number, V>> {
  const { listed, marked, before, exact } = listing;
  if (before === undefined) return withoutSnapshot(listing);
  const expected = without(before, marked);
  if (!agree(without(listed, marked), expected, exact)) await verify(listing, expected);
  return expected;
}

/** Nothing was listed before the first DELE: the listing has to speak for itself. */
async function withoutSnapshot<V>(listing: ListingAfterDele<V>): Promise<Map<number, V>> {
  const { listed, marked, exists } = listing;
  let [highest, hasMarked] = [0, false];
  for (const number of listed.keys()) {
    highest = Math.max(highest, number);
    hasMarked ||= marked.has(number);
  }
  // Messages that are counted again are 1, 2, 3 and so on. So a listing without any of the marked numbers is right: either
  // nothing was counted again, or only messages at the end are marked.
  if (!hasMarked) return new Map(listed);
  // If what is marked is still listed, no message comes after the last of the listing.
  if (!(await exists(highest + 1))) return without(listed, marked);
  const right = byFirstNumbers(listed, marked);
  await verify(listing, right);
  return right;
}

/** Messages that are counted again, by the numbers that they had: the k-th is the k-th of those that are not marked. */
function byFirstNumbers<V>(listed: ReadonlyMap<number, V>, marked: ReadonlySet<number>): Map<number, V> {
  const gone = [...marked].sort((a, b) => a - b);
  const right = new Map<number, V>();
  let before = 0;
  for (const [number, value] of [...listed].sort(([a], [b]) => a - b)) {
    while ((gone[before] ?? Infinity) <= number + before) before++;
    right.set(number + before, value);
  }
  return right;
}

function without<V>(listed: ReadonlyMap<number, V>, marked: ReadonlySet<number>): Map<number, V> {
  const rest = new Map(listed);
  for (const number of marked) rest.delete(number);
  return rest;
}

function agree<V>(listed: ReadonlyMap<number, V>, expected: ReadonlyMap<number, V>, exact: boolean): boolean {
  if (listed.size !== expected.size) return false;
  for (const [number, value] of expected)
    if (!listed.has(number) || (exact && listed.get(number) !== value)) return false;
  return true;
}

/** Asks for the last message by its number alone: a server that counts the messages again would name another. */
async function verify<V>({ one }: ListingAfterDele<V>, expected: ReadonlyMap<number, V>): Promise<void> {
  const last = [...expected.keys()].at(-1);
  if (last === undefined) return;
  let value: V;
  try {
    value = await one(last);
  } catch (error) {
    if (!(error instanceof Pop3ReplyError) || error.temporary) throw error;
    throw renumbered(last, error);
  }
  if (value !== expected.get(last)) throw renumbered(last);
}

/** The server does not keep the numbers of the session. */
export function renumbered(message: number, cause?: Pop3ReplyError): Pop3ProtocolError {
  return new Pop3ProtocolError(
    "POP3_PROTOCOL",
    `the server gives other numbers to the messages after DELE: ${String(message)} is not the message that it was`,
    { cause },
  );
}
