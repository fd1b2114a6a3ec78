// Interprets a LIST or UIDL after DELE, so that no number names the wrong message. Message numbers must not
// change during a session (RFC 1939 section 5). But some servers renumber LIST and UIDL after DELE (WildDuck;
// its RETR keeps the original numbers), and others still list marked messages (Twisted).
import { Pop3ProtocolError, Pop3ReplyError } from "../errors.ts";

/** One LIST or UIDL after DELE, and ways to check it. */
export interface ListingAfterDele<V> {
  readonly listed: ReadonlyMap<number, V>;
  /** The numbers that were marked when the server listed. */
  readonly marked: ReadonlySet<number>;
  /** The same listing from before the first DELE. */
  readonly before: ReadonlyMap<number, V> | undefined;
  /**
   * Whether different values for one message contradict each other: unique-ids do; sizes may be
   * estimates, so they do not.
   */
  readonly exact: boolean;
  /** Sends LIST or UIDL of one message. It takes the original numbers. */
  readonly one: (message: number) => Promise<V>;
  /** Asks the server whether it has a message with this number. */
  readonly exists: (message: number) => Promise<boolean>;
}

/**
 * Returns the listing with the original numbers, without the marked messages. Rejects with `POP3_PROTOCOL` if
 * the server renumbered the messages themselves: then no number can be trusted.
 */
export async function listingAfterDele<V>(listing: ListingAfterDele<V>): Promise<Map<number, V>> {
  const { listed, marked, before, exact } = listing;
  if (before === undefined) return withoutSnapshot(listing);
  const expected = without(before, marked);
  if (!agree(without(listed, marked), expected, exact)) await verify(listing, expected);
  return expected;
}

/** Without a listing from before the first DELE, finds the numbers from this listing alone. */
async function withoutSnapshot<V>(listing: ListingAfterDele<V>): Promise<Map<number, V>> {
  const { listed, marked, exists } = listing;
  let [highest, hasMarked] = [0, false];
  for (const number of listed.keys()) {
    highest = Math.max(highest, number);
    hasMarked ||= marked.has(number);
  }
  // A renumbered listing is 1, 2, 3 and so on. So a listing without any marked number is right: either the
  // server did not renumber it, or only messages at the end are marked.
  if (!hasMarked) return new Map(listed);
  // A server that still lists marked messages has no message after the last of the listing.
  if (!(await exists(highest + 1))) return without(listed, marked);
  const right = byFirstNumbers(listed, marked);
  await verify(listing, right);
  return right;
}

/** Restores the original numbers of a renumbered listing: its k-th message is the k-th unmarked message. */
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

/**
 * Asks for the last message alone. If the server renumbered the messages, it gives another value or
 * refuses.
 */
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

/** Creates the error for a server that renumbered the messages. */
export function renumbered(message: number, cause?: Pop3ReplyError): Pop3ProtocolError {
  return new Pop3ProtocolError(
    "POP3_PROTOCOL",
    `the server renumbered the messages after DELE: ${String(message)} is no longer the same message`,
    { cause },
  );
}
