// Decides what a run does with one listed message, from its entry in the ledger, the policy and the clock.
import type { LedgerEntry } from "../ledger/ledger.ts";
import { deleted, entryOf, isSettled } from "./entry.ts";
import { namesOne } from "./header-digest.ts";
import type { CompletePolicy } from "./policy.ts";
import { isDue, reasonToWait } from "./schedule.ts";
import type { Listed, Remove, Retrieve, Skip } from "./steps.ts";

/** What a run does with a message. `entry`: to record in the ledger, even if the run fails later. */
type Decision =
  | { readonly action: "retrieve"; readonly step: Retrieve; readonly entry?: undefined }
  | { readonly action: "remove"; readonly step: Remove; readonly entry?: undefined }
  | { readonly action: "skip"; readonly step: Skip; readonly entry?: LedgerEntry | undefined }
  | { readonly action: "keep"; readonly entry?: LedgerEntry };

/** What a decision depends on, in addition to the message and its entry. */
interface Surroundings {
  readonly policy: CompletePolicy;
  /** Whether the server lacks TOP, and so cannot send headers alone. */
  readonly withoutTop: boolean;
  /** The current time, in milliseconds since 1970. */
  readonly now: number;
  /** The unique-ids that more than one message has. */
  readonly repeated: ReadonlySet<string>;
  /** Of these, the messages that have the size of another one with the same unique-id. */
  readonly alike: ReadonlySet<Listed>;
  /** The messages from before the first run that this run, the first one, notes in the ledger. */
  readonly baseline: ReadonlySet<Listed>;
  /** All messages from before the first run that are not noted yet. */
  readonly old: ReadonlySet<Listed>;
  /** The sizes of the messages that the ledger knows by their content. */
  readonly contentSizes: ReadonlySet<number | undefined>;
}

const KEEP: Decision = { action: "keep" };

/**
 * Decides about a message. `entry`: what {@link current} makes of the entry with its unique-id. The first
 * row that applies decides:
 *
 * | message | decision |
 * | --- | --- |
 * | without a unique-id of its own | by its content |
 * | unknown, from before the first run | keep, and note that |
 * | another message than that of the entry | by its content |
 * | delivered, and the policy deletes it now | remove |
 * | delivered, from before the first run, or deleted | keep |
 * | of the size of one that is known by its content | by its content |
 * | failed, and its pause is not over; quarantined | skip |
 * | small enough | retrieve |
 * | too large, and the policy wants its headers, and the server has TOP | retrieve the headers |
 * | too large, and the policy deletes such messages | remove |
 * | too large | skip |
 */
export function decide(
  message: Listed,
  entry: LedgerEntry | undefined,
  surroundings: Surroundings,
): Decision {
  const { policy, withoutTop, now, repeated, baseline, contentSizes } = surroundings;
  const { uid, size } = message;
  if (uid === undefined || repeated.has(uid)) return byContent(message, entry, surroundings);
  if (entry === undefined) {
    if (baseline.has(message)) return { action: "keep", entry: entryOf(message, uid, "baseline", now) };
  } else {
    // The server seems to have reused the unique-id. Its key belongs to the other message: use the content.
    if (isAnother(entry, message)) return byContent(message, entry, surroundings);
    if (entry.status === "delivered" && isDue(policy.delete, entry.firstSeen, size ?? entry.size, now))
      return { action: "remove", step: { ...message, id: uid, entry: deleted(entry) } };
    if (isSettled(entry)) return KEEP;
  }
  // It may be that one: another message may have had its unique-id until now, or it had none.
  if (contentSizes.has(size)) return byContent(message, entry, surroundings, uid);
  if (entry !== undefined) {
    const waiting = reasonToWait(entry, policy, now);
    if (waiting !== undefined) return { action: "skip", step: skipFailed(message, entry, waiting) };
  }
  if (!isTooLarge(message, policy)) return retrieve(message, uid, "whole", entry);
  if (policy.tooLarge === "headers" && !withoutTop) return retrieve(message, uid, "headers", entry);
  return tooLarge(message, uid, entry, surroundings);
}

/**
 * Returns an entry as it is now: not from a time to come, if the clock was set back, and no longer gone, if
 * the server lists its message again.
 */
export function current(
  entry: LedgerEntry,
  message: Listed,
  { repeated, now }: Pick<Surroundings, "repeated" | "now">,
): LedgerEntry {
  if (repeated.has(entry.id)) return entry;
  // A deletion would wait until that time.
  const past = entry.firstSeen > now ? { ...entry, firstSeen: now } : entry;
  if (past.goneSince === undefined || isAnother(past, message)) return past;
  const { goneSince: _, ...back } = past;
  return back;
}

/** Returns the skip of a message that has failed before and is not tried now. */
export function skipFailed(
  { number, uid, size }: Listed,
  { id, reason: words, failedAt, tries = 0, retryAt }: LedgerEntry,
  reason: Skip["reason"],
): Skip {
  const failure = { id, reason: words, at: failedAt, tries };
  return {
    number,
    uid,
    size,
    reason,
    failure,
    ...(reason === "quarantined" || retryAt === undefined ? {} : { retryAt }),
  };
}

function retrieve(
  message: Listed,
  id: string,
  what: Retrieve["what"],
  before: LedgerEntry | undefined,
): Decision {
  return {
    action: "retrieve",
    step: { ...message, id, own: undefined, what, baseline: false, before, namesake: undefined },
  };
}

/**
 * Decides about a message that its content identifies: it has to be retrieved, as a whole. `own`: its name if the ledger
 * does not know its content.
 */
function byContent(
  message: Listed,
  namesake: LedgerEntry | undefined,
  { policy, old, repeated, alike }: Surroundings,
  own?: string,
): Decision {
  // TOP is useless, and deleting it would be unsafe.
  if (isTooLarge(message, policy)) return { action: "skip", step: { ...message, reason: "too large" } };
  return {
    action: "retrieve",
    step: {
      ...message,
      id: undefined,
      own,
      what: "whole",
      baseline: namesake === undefined ? old.has(message) : isOld(namesake, message) && !alike.has(message),
      before: undefined,
      namesake: namesake !== undefined && mayBe(namesake, message, repeated) ? namesake : undefined,
    },
  };
}

/** Decides about a message that is not retrieved because of its size. */
function tooLarge(
  message: Listed,
  id: string,
  entry: LedgerEntry | undefined,
  { policy, now }: Surroundings,
): Decision {
  const seen = entryOf(message, id, "skipped", entry?.firstSeen ?? now);
  if (policy.tooLarge === "delete") {
    const gone = { ...deleted(seen), reason: "too large" };
    return { action: "remove", step: { ...message, id, entry: gone } };
  }
  const reason =
    policy.tooLarge === "headers" ? "too large, and the server has no TOP for its headers" : "too large";
  const noted = entry?.status === "skipped";
  return {
    action: "skip",
    step: { ...message, reason },
    entry: noted ? undefined : { ...seen, reason },
  };
}

function isTooLarge({ size = 0 }: Listed, { maxSize }: CompletePolicy): boolean {
  return size > maxSize;
}

/**
 * Returns whether a listed message may not be the message of `entry`, although they have the same unique-id.
 * RFC 1939 section 7 forbids reuse, but it happens, mostly on servers that use message numbers as unique-ids.
 */
function isAnother(entry: LedgerEntry, { size }: Listed): boolean {
  // The server has confirmed its deletion, so this must be another one.
  if (entry.status === "deleted") return true;
  if (size === undefined || entry.size === undefined || size === entry.size) return false;
  // Some servers change the listed size from time to time. If the headers are known, they decide.
  return entry.goneSince !== undefined || (entry.status === "delivered" && namesOne(entry.headers));
}

/** Returns whether a message with the unique-id of one that the first run has left out is that one, by its size. */
function isOld({ status, size }: LedgerEntry, message: Listed): boolean {
  return status === "baseline" && size !== undefined && size === message.size;
}

/**
 * Returns whether equal headers are enough to take the entry for this message. A second copy has equal
 * headers too. So if two listed messages have this unique-id, or the entry's message was deleted, the sizes
 * must also be equal.
 */
function mayBe(entry: LedgerEntry, { size }: Listed, repeated: ReadonlySet<string>): boolean {
  const alone = entry.status !== "deleted" && !repeated.has(entry.id);
  return alone || entry.size === size;
}
