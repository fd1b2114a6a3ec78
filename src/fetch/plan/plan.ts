// What a run is to do, as a pure function of what the server lists, what the ledger knows, the policy and the clock.
// Known and delivered: deleted if that is due, and never retrieved again. Unknown: new, and so retrieved.
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

/** A message that is to be retrieved. */
export interface Retrieve extends Listed {
  /** Its name in the ledger; `undefined`: that takes its content. */
  readonly id: string | undefined;
  readonly what: "whole" | "headers";
  /** It was there before the first run: its content is looked at, and remembered. */
  readonly baseline: boolean;
  /** What the ledger has under its unique-id, which may be another message: their headers tell. */
  readonly namesake: LedgerEntry | undefined;
  /** What the ledger has of it. */
  readonly before: LedgerEntry | undefined;
}

/** A message that is to be deleted without being retrieved. */
interface Remove extends Listed {
  readonly id: string;
  /** What the ledger is to say, once the server has deleted it. */
  readonly entry: LedgerEntry;
}

/** What the ledger knows of a message whose delivery has failed. */
export interface MessageFailure {
  /** Its name in the ledger: `ledger.release(mailbox, id)` gives it another try. */
  readonly id: string;
  /** Why it failed last: one printable line of at most 200 characters, without secrets. */
  readonly reason: string | undefined;
  /** When it failed last; milliseconds since 1970. `undefined`: popwright 0.1 did not note it. */
  readonly at: number | undefined;
  /** How often the message was to blame. It is left alone after `policy.tries`. */
  readonly tries: number;
}

/** A message that is left alone. */
export interface Skip extends Listed {
  readonly reason:
    | "too large"
    | "too large, and the server has no TOP for its headers"
    | "failed, and not due yet"
    | "quarantined";
  /** When it is tried again; milliseconds since 1970. */
  readonly retryAt?: number;
  /** With `"failed, and not due yet"` and `"quarantined"`: what is known of it. */
  readonly failure?: MessageFailure;
}

export interface FetchPlan {
  /** In the order in which they are to be retrieved. */
  readonly retrieve: readonly Retrieve[];
  readonly remove: readonly Remove[];
  readonly skip: readonly Skip[];
  /** Messages that are beyond the limits of the run. */
  readonly left: number;
  /** What the ledger is to remember, whatever becomes of the run. */
  readonly entries: readonly LedgerEntry[];
  readonly forgotten: readonly string[];
  /** See {@link MailboxState.baseline}. */
  readonly baseline: string | undefined;
}

export interface Situation {
  readonly listing: readonly Listed[];
  readonly entries: ReadonlyMap<string, LedgerEntry>;
  /** Whether the mailbox was never listed before. */
  readonly first: boolean;
  /** See {@link MailboxState.baseline}. */
  readonly baseline?: string | undefined;
  readonly policy: CompletePolicy;
  /** Whether the server has no TOP, and so does not give headers alone. */
  readonly withoutTop?: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What a content has for a name in the ledger, apart from every unique-id. */
const CONTENT = "\0";

/** The name in the ledger of a message without a unique-id of its own; `digest`: SHA-256 of its octets. */
export function contentId(digest: string): string {
  return CONTENT + digest;
}

export function isContentId(id: string): boolean {
  return id.startsWith(CONTENT);
}

/** Nothing more is to be done about such a message, but to delete it perhaps. */
const SETTLED: ReadonlySet<MessageStatus> = new Set(["delivered", "headers", "baseline", "deleted"]);

/** Whether the message of this entry is not to be delivered, or not once more; unless it was gone in between. */
export function isSettled({ status, goneSince }: LedgerEntry): boolean {
  return SETTLED.has(status) && (status !== "deleted" || goneSince === undefined);
}

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
      // Its unique-id was another message's, it seems: that one's key is taken, so it goes by its content.
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
        ...{ id: uid, what, baseline: false, before: entry, namesake: undefined },
      });
    }
  }

  // What failed before comes last, so that it cannot keep the rest from coming.
  const wanted = [...fresh, ...again];
  const retrieve = wanted.slice(0, withinLimits(wanted, policy.limits));
  const forgotten: string[] = [];
  noteGone(situation, changed, forgotten);
  const unseen = wanted.some((step) => step.baseline);
  return {
    ...{ retrieve, remove, skip, left: wanted.length - retrieve.length, entries: changed, forgotten },
    baseline: unseen ? (situation.baseline ?? markOf([...old])) : undefined,
  };

  function goByContent(message: Listed, recorded: LedgerEntry | undefined): void {
    // Nobody knows what it is before it was retrieved, so its headers alone are nobody's, and it is not deleted.
    if ((message.size ?? 0) > policy.maxSize) skip.push({ ...message, reason: "too large" });
    else {
      const isOld = recorded === undefined && old.has(message);
      const namesake = recorded !== undefined && mayBe(recorded, message) ? recorded : undefined;
      fresh.push({
        ...message,
        ...{ id: undefined, what: "whole", baseline: isOld, before: undefined, namesake },
      });
    }
  }

  /**
   * Whether it is this message, should the headers agree. They do for a copy that came another way, too: where the
   * server has two messages of this name, or has said that the one is deleted, the sizes have to agree as well.
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
  // Not spread together: there may be a hundred thousand, and each would have a hidden class of its own.
  const entry: { -readonly [Name in keyof LedgerEntry]: LedgerEntry[Name] } = { id, status, firstSeen };
  if (size !== undefined) entry.size = size;
  if (headers !== undefined) entry.headers = headers;
  return entry;
}

/** A message that has failed and is not tried now. */
export function skipFailed(
  { number, uid, size }: Listed,
  { id, reason: words, failedAt, tries = 0, retryAt }: LedgerEntry,
  reason: Skip["reason"],
): Skip {
  const failure = { id, reason: words, at: failedAt, tries };
  return {
    ...{ number, uid, size, reason, failure },
    ...(reason === "quarantined" || retryAt === undefined ? {} : { retryAt }),
  };
}

/** What the ledger says of a message that the server has deleted. */
export function deleted({ id, firstSeen, size, headers }: LedgerEntry): LedgerEntry {
  return entryOf({ size }, id, "deleted", firstSeen, headers);
}

/** The unique-ids that more than one message has. */
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
 * Whether a listed message may be another one than that which had its unique-id: RFC 1939 forbids it, and it happens,
 * most of all where message numbers are given for unique-ids. One that was deleted is gone.
 */
function isAnother(entry: LedgerEntry, { size }: Listed): boolean {
  if (entry.status === "deleted") return true;
  if (size === undefined || entry.size === undefined || size === entry.size) return false;
  // Some servers list another size now and then: the headers tell, where they are known.
  return entry.goneSince !== undefined || (entry.status === "delivered" && namesOne(entry.headers));
}

/** The clock was put back since it was seen: it would wait for its deletion until then. */
function notInFuture(entry: LedgerEntry, now: number): LedgerEntry {
  return entry.firstSeen > now ? { ...entry, firstSeen: now } : entry;
}

function backAgain({ goneSince: _, ...entry }: LedgerEntry): LedgerEntry {
  return entry;
}

/**
 * How many of the messages a run may retrieve: in order, as a small one must not overtake. Those that go by their
 * content do not count, as they are retrieved in every run: what of them is new is counted when that is known.
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
 * What the server lists no more is marked as gone, and forgotten when that was long ago: never at once, as some list
 * a part of the maildrop at a time.
 */
function noteGone(
  { listing, entries, policy, now }: Situation,
  changed: LedgerEntry[],
  forgotten: string[],
): void {
  const listed = new Set<string | undefined>();
  for (const { uid } of listing) listed.add(uid);
  for (const entry of entries.values()) {
    // Of what goes by its content, only those who retrieve it know whether it is there.
    if (listed.has(entry.id) || (entry.goneSince === undefined && isContentId(entry.id))) continue;
    if (entry.goneSince === undefined) changed.push({ ...entry, goneSince: now });
    else if (now - entry.goneSince > policy.keep) forgotten.push(entry.id);
  }
}
