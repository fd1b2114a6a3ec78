// Plans a run, as a pure function of the server's listing, the ledger, the policy and the clock.
//
// A message that the ledger knows as delivered is never retrieved again, and is deleted when the policy says
// so. A message that the ledger does not know is new, so it is retrieved.
import { markedMail, markOf, oldMail } from "./baseline.ts";
import { namesOne } from "./header-digest.ts";
import { hasFailed } from "../ledger/another-try.ts";
import type { LedgerEntry, MessageStatus } from "../ledger/ledger.ts";
import { isDue, reasonToWait } from "./schedule.ts";
import type { CompletePolicy } from "./policy.ts";

/** A message as the server lists it. */
export interface Listed {
  readonly number: number;
  readonly uid: string | undefined;
  readonly size: number | undefined;
}

/** A message that the run must retrieve. */
export interface Retrieve extends Listed {
  /** Its name in the ledger. `undefined`: the name depends on its content, which is not known yet. */
  readonly id: string | undefined;
  readonly what: "whole" | "headers";
  /**
   * The message was there before the first run: its content is noted in the ledger, and it is not delivered.
   */
  readonly baseline: boolean;
  /** The ledger's entry with the same unique-id. It may be another message: the headers decide. */
  readonly namesake: LedgerEntry | undefined;
  /** The ledger's entry for this message. */
  readonly before: LedgerEntry | undefined;
}

/** A message that the run must delete without retrieving it. */
interface Remove extends Listed {
  readonly id: string;
  /** The entry to record after the server has deleted the message. */
  readonly entry: LedgerEntry;
}

/** The ledger's knowledge of a message whose delivery has failed. */
export interface MessageFailure {
  /** The name of the message in the ledger: `ledger.release(mailbox, id)` gives it another try. */
  readonly id: string;
  /** The reason of the last failure: one printable line of at most 200 characters, without secrets. */
  readonly reason: string | undefined;
  /**
   * The time of the last failure, in milliseconds since 1970. `undefined`: popwright 0.1 did not record it.
   */
  readonly at: number | undefined;
  /** How many failures were the fault of the message. After `policy.tries` of them it is no longer tried. */
  readonly tries: number;
}

/** A message that the run neither retrieves nor deletes. */
export interface Skip extends Listed {
  readonly reason:
    | "too large"
    | "too large, and the server has no TOP for its headers"
    | "failed, and not due yet"
    | "quarantined";
  /** The time of the next try, in milliseconds since 1970. */
  readonly retryAt?: number;
  /** The last failure. Set if `reason` is `"failed, and not due yet"` or `"quarantined"`. */
  readonly failure?: MessageFailure;
}

export interface FetchPlan {
  /** In the order of retrieval. */
  readonly retrieve: readonly Retrieve[];
  readonly remove: readonly Remove[];
  readonly skip: readonly Skip[];
  /** The number of messages that exceed the limits of the run. */
  readonly left: number;
  /** Entries to record in the ledger, even if the run fails later. */
  readonly entries: readonly LedgerEntry[];
  /** Names to remove from the ledger. */
  readonly forgotten: readonly string[];
  /** See {@link MailboxState.baseline}. */
  readonly baseline: string | undefined;
}

/** The input of a plan. */
export interface Situation {
  readonly listing: readonly Listed[];
  readonly entries: ReadonlyMap<string, LedgerEntry>;
  /** Whether no run has listed the mailbox before. */
  readonly first: boolean;
  /** See {@link MailboxState.baseline}. */
  readonly baseline?: string | undefined;
  readonly policy: CompletePolicy;
  /** Whether the server lacks TOP, and so cannot send headers alone. @default false */
  readonly withoutTop?: boolean;
  /** The current time, in milliseconds since 1970. */
  readonly now: number;
}

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

/** Decides for each listed message whether it is retrieved, deleted, skipped or left for another run. */
export function planFetch(situation: Situation): FetchPlan {
  const { listing, entries, policy, withoutTop = false, now } = situation;
  const remove: Remove[] = [];
  const skip: Skip[] = [];
  const changed: LedgerEntry[] = [];
  const fresh: Retrieve[] = [];
  const again: Retrieve[] = [];
  const baseline = new Set(situation.first ? oldMail(listing, policy.firstRun) : []);
  const old = situation.baseline === undefined ? baseline : new Set(markedMail(situation.baseline, listing));
  const repeated = repeatedIds(listing);

  for (const message of policy.order === "newest" ? [...listing].reverse() : listing) {
    const { uid } = message;
    const recorded = uid === undefined ? undefined : entries.get(uid);
    if (uid === undefined || repeated.has(uid)) {
      goByContent(message, recorded);
      continue;
    }
    const entry = recorded && notInFuture(recorded, now);
    const waiting = entry && reasonToWait(entry, policy, now);
    if (entry !== undefined && entry !== recorded) changed.push(entry);
    if (entry === undefined && baseline.has(message)) {
      changed.push(entryOf(message, uid, "baseline", now));
      continue;
    }
    if (entry !== undefined && isAnother(entry, message)) {
      // The server seems to have reused the unique-id. Its key belongs to the other message: use the content.
      goByContent(message, entry);
      continue;
    }
    if (entry?.goneSince !== undefined) changed.push(backAgain(entry));
    if (entry?.status === "delivered" && isDueNow(entry, message)) {
      remove.push({ ...message, id: uid, entry: deleted(entry) });
    } else if (entry !== undefined && isSettled(entry)) {
      continue;
    } else if (entry !== undefined && waiting !== undefined) {
      skip.push(skipFailed(message, entry, waiting));
    } else if ((message.size ?? 0) > policy.maxSize && (policy.tooLarge !== "headers" || withoutTop)) {
      const seen = entryOf(message, uid, "skipped", entry?.firstSeen ?? now);
      if (policy.tooLarge === "delete") {
        remove.push({ ...message, id: uid, entry: { ...deleted(seen), reason: "too large" } });
      } else {
        const reason =
          policy.tooLarge === "headers"
            ? "too large, and the server has no TOP for its headers"
            : "too large";
        skip.push({ ...message, reason });
        if (entry?.status !== "skipped") changed.push({ ...seen, reason });
      }
    } else {
      const what = (message.size ?? 0) > policy.maxSize ? "headers" : "whole";
      (entry !== undefined && hasFailed(entry) ? again : fresh).push({
        ...message,
        id: uid,
        what,
        baseline: false,
        before: entry,
        namesake: undefined,
      });
    }
  }

  // Messages that failed before come last, so that they cannot block the others.
  const wanted = [...fresh, ...again];
  const retrieve = wanted.slice(0, withinLimits(wanted, policy.limits));
  const forgotten: string[] = [];
  noteGone(situation, changed, forgotten);
  const unseen = wanted.some((step) => step.baseline);
  return {
    retrieve,
    remove,
    skip,
    left: wanted.length - retrieve.length,
    entries: changed,
    forgotten,
    baseline: unseen ? (situation.baseline ?? markOf([...old])) : undefined,
  };

  function goByContent(message: Listed, recorded: LedgerEntry | undefined): void {
    // Only a complete retrieval identifies it, so TOP is useless and deleting it would be unsafe: skip it.
    if ((message.size ?? 0) > policy.maxSize) skip.push({ ...message, reason: "too large" });
    else {
      const isOld = recorded === undefined && old.has(message);
      const namesake = recorded !== undefined && mayBe(recorded, message) ? recorded : undefined;
      fresh.push({
        ...message,
        id: undefined,
        what: "whole",
        baseline: isOld,
        before: undefined,
        namesake,
      });
    }
  }

  /**
   * Returns whether equal headers are enough to take the entry for this message. A second copy has equal
   * headers too. So if two listed messages have this unique-id, or the entry's message was deleted, the sizes
   * must also be equal.
   */
  function mayBe(entry: LedgerEntry, { size }: Listed): boolean {
    const alone = entry.status !== "deleted" && !repeated.has(entry.id);
    return alone || entry.size === size;
  }

  function isDueNow(entry: LedgerEntry, message: Listed): boolean {
    return isDue(policy.delete, entry.firstSeen, message.size ?? entry.size, now);
  }
}

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

/** Returns the entry of a message that the server has deleted. */
export function deleted({ id, firstSeen, size, headers }: LedgerEntry): LedgerEntry {
  return entryOf({ size }, id, "deleted", firstSeen, headers);
}

/** Returns the unique-ids that more than one message has. */
function repeatedIds(listing: readonly Listed[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { uid } of listing) {
    if (uid === undefined) continue;
    if (seen.has(uid)) repeated.add(uid);
    seen.add(uid);
  }
  return repeated;
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

/** Corrects an entry from before the clock was set back: its deletion would wait until that time. */
function notInFuture(entry: LedgerEntry, now: number): LedgerEntry {
  return entry.firstSeen > now ? { ...entry, firstSeen: now } : entry;
}

function backAgain({ goneSince: _, ...entry }: LedgerEntry): LedgerEntry {
  return entry;
}

/**
 * Returns how many of the messages a run may retrieve. It stops at the first one that exceeds a limit,
 * because a small message must not overtake a large one. Messages that are identified by their content do not
 * count here, because every run retrieves them. The session counts the new ones when it knows them.
 */
function withinLimits(messages: readonly Retrieve[], limits: CompletePolicy["limits"]): number {
  let [count, octets] = [0, 0];
  for (const [index, { id, size = 0 }] of messages.entries()) {
    if (id === undefined) continue;
    octets += size;
    if (count >= limits.messages || (count > 0 && octets > limits.octets)) return index;
    count++;
  }
  return messages.length;
}

/**
 * Marks the entries that the server no longer lists as gone, and forgets those that have been gone for
 * `policy.keep`. It never forgets at once, because some servers list only a part of the maildrop at a time.
 */
function noteGone(
  { listing, entries, policy, now }: Situation,
  changed: LedgerEntry[],
  forgotten: string[],
): void {
  const listed = new Set<string | undefined>();
  for (const { uid } of listing) listed.add(uid);
  for (const entry of entries.values()) {
    // For a name derived from content, only retrieval shows whether the message is there.
    if (listed.has(entry.id) || (entry.goneSince === undefined && isContentId(entry.id))) continue;
    if (entry.goneSince === undefined) changed.push({ ...entry, goneSince: now });
    else if (now - entry.goneSince > policy.keep) forgotten.push(entry.id);
  }
}
