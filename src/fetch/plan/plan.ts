// Plans a run, as a pure function of the server's listing, the ledger, the policy and the clock.
//
// A message that the ledger knows as delivered is never retrieved again, and is deleted when the policy says
// so. A message that the ledger does not know is new, so it is retrieved.
import { hasFailed } from "../ledger/another-try.ts";
import type { LedgerEntry } from "../ledger/ledger.ts";
import { markedMail, markOf, oldMail } from "./baseline.ts";
import { current, decide } from "./decide.ts";
import { isContentId } from "./entry.ts";
import type { CompletePolicy } from "./policy.ts";
import type { Listed, Remove, Retrieve, Skip } from "./steps.ts";

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

/** Decides for each listed message whether it is retrieved, deleted, skipped or left for another run. */
export function planFetch(situation: Situation): FetchPlan {
  const { listing, entries, policy, withoutTop = false, now } = situation;
  const baseline = new Set(situation.first ? oldMail(listing, policy.firstRun) : []);
  const old = situation.baseline === undefined ? baseline : new Set(markedMail(situation.baseline, listing));
  const repeated = repeatedIds(listing);
  const alike = alikeIn(listing, repeated);
  const contentSizes = contentSizesOf(entries);
  const surroundings = { policy, withoutTop, now, repeated, alike, baseline, old, contentSizes };
  const remove: Remove[] = [];
  const skip: Skip[] = [];
  const changed: LedgerEntry[] = [];
  const steps: Retrieve[] = [];

  for (const message of policy.order === "newest" ? [...listing].reverse() : listing) {
    const recorded = message.uid === undefined ? undefined : entries.get(message.uid);
    const entry = recorded && current(recorded, message, surroundings);
    if (entry !== undefined && entry !== recorded) changed.push(entry);
    const decision = decide(message, entry, surroundings);
    if (decision.entry !== undefined) changed.push(decision.entry);
    if (decision.action === "retrieve") steps.push(decision.step);
    else if (decision.action === "remove") remove.push(decision.step);
    else if (decision.action === "skip") skip.push(decision.step);
  }

  // Messages that failed before come last, so that they cannot block the others.
  const wanted = [...steps.filter((step) => !isAgain(step)), ...steps.filter(isAgain)];
  const retrieve = wanted.slice(0, withinLimits(wanted, policy.limits));
  const forgotten: string[] = [];
  noteGone(situation, changed, forgotten);
  const unseen = wanted.some(isUnnoted);
  return {
    retrieve,
    remove,
    skip,
    left: wanted.length - retrieve.length,
    entries: changed,
    forgotten,
    baseline: unseen ? (situation.baseline ?? markOf([...old])) : undefined,
  };
}

/** Whether a message from before the first run is not noted yet. */
export function isUnnoted({ baseline, namesake }: Retrieve): boolean {
  return baseline && namesake === undefined;
}

function isAgain({ before }: Retrieve): boolean {
  return before !== undefined && hasFailed(before);
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

/** Returns the messages with a repeated unique-id whose size another one of them has, too. */
function alikeIn(listing: readonly Listed[], repeated: ReadonlySet<string>): ReadonlySet<Listed> {
  const alike = new Set<Listed>();
  const seen = new Map<string, Listed>();
  if (repeated.size === 0) return alike;
  for (const message of listing) {
    const { uid, size } = message;
    if (uid === undefined || !repeated.has(uid)) continue;
    const name = `${uid} ${String(size)}`;
    const other = seen.get(name);
    if (other === undefined) seen.set(name, message);
    else alike.add(other).add(message);
  }
  return alike;
}

/** Returns the sizes of the messages that are known by their content, and may still be there. */
function contentSizesOf(entries: Situation["entries"]): ReadonlySet<number | undefined> {
  const sizes = new Set<number | undefined>();
  for (const { id, size, status, goneSince } of entries.values())
    if (isContentId(id) && goneSince === undefined && status !== "deleted") sizes.add(size);
  return sizes;
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
