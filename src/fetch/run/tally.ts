// Keeps the books on what a session has delivered: in the ledger, in the report and against the limits. Collects
// the messages to delete, and marks them at the end.
import { Pop3ReplyError } from "../../errors.ts";
import type { LedgerEntry, MessageStatus } from "../ledger/ledger.ts";
import { deleted, entryOf, isContentId, isSettled } from "../plan/entry.ts";
import { isUnnoted, type FetchPlan } from "../plan/plan.ts";
import { isDue } from "../plan/schedule.ts";
import type { Retrieve } from "../plan/steps.ts";
import { tell, type SessionContext } from "./context.ts";
import type { Delivered } from "./delivery.ts";

/** A number of messages, and the sum of their sizes. */
interface Amount {
  readonly messages: number;
  readonly octets: number;
}

const NOTHING: Amount = { messages: 0, octets: 0 };

interface ToDelete {
  readonly number: number;
  /** The entry to record after the server has deleted the message. */
  readonly entry: LedgerEntry;
}

export class Tally {
  readonly #context: SessionContext;
  readonly #toDelete: ToDelete[];
  /** The names in the ledger of the messages that were retrieved. */
  readonly #seen: Set<string> = new Set();
  /** The number of delivered messages that the ledger did not know. */
  #fresh = 0;
  /** The number of messages from before the first run whose content is not noted yet; infinite if it is not known. */
  #unseen: number;

  constructor(context: SessionContext, { retrieve, remove, left }: FetchPlan) {
    this.#context = context;
    this.#toDelete = [...remove];
    // Some may be among those that exceed the limits.
    this.#unseen = left > 0 ? Infinity : retrieve.filter(isUnnoted).length;
  }

  get hasToDelete(): boolean {
    return this.#toDelete.length > 0;
  }

  /** Whether enough new messages were delivered. Their content may show only on arrival that they are new. */
  get hasEnough(): boolean {
    return this.hasEnoughWith(NOTHING);
  }

  /** Whether enough new messages were delivered if all messages that are still underway are new ones. */
  hasEnoughWith({ messages, octets }: Amount): boolean {
    const { settings, policy, task } = this.#context;
    const { limits } = settings.policy;
    const [all, size] = [task.spent.messages + messages, task.spent.octets + octets];
    return (
      this.#fresh + messages >= policy.commitEvery ||
      all >= limits.messages ||
      (size > 0 && size >= limits.octets)
    );
  }

  /** Whether the limits of the run are used up. */
  get isUsedUp(): boolean {
    const { settings, task } = this.#context;
    const { limits } = settings.policy;
    const { messages, octets } = task.spent;
    return messages >= limits.messages || (octets > 0 && octets >= limits.octets);
  }

  /** Returns the entry to record when a message is delivered. */
  entryFor({ before: planned, ...step }: Retrieve, id: string, headers: string | undefined): LedgerEntry {
    const { ledger, now } = this.#context;
    const before = ledger.entries.get(id);
    const status = before !== undefined && isSettled(before) ? before.status : statusOf(step);
    // Not a time to come, if the clock was set back: a deletion would wait until then.
    const firstSeen = Math.min(planned?.firstSeen ?? before?.firstSeen ?? now, now);
    return entryOf(step, id, status, firstSeen, headers);
  }

  /** Notes that the server still has the message with this name in the ledger. */
  see(id: string): void {
    this.#seen.add(id);
  }

  /**
   * Books a message that the destination or the ledger has. Returns whether the ledger did not know it as
   * settled.
   */
  async delivered(step: Retrieve, came: Delivered): Promise<boolean> {
    const { ledger, policy, report, task, now } = this.#context;
    const { id, key, octets, known, headers, recorded } = came;
    const { number, uid, size, baseline } = step;
    const before = ledger.entries.get(id);
    const settled = before !== undefined && isSettled(before);
    const entry = this.entryFor(step, id, headers);
    const { status } = entry;
    const isNew = !baseline && !settled;
    task.spent.slowInARow = 0;
    if (isUnnoted(step)) this.#unseen--;
    if (isNew) {
      this.#fresh++;
      task.spent.messages++;
      task.spent.octets += octets;
    }
    this.see(id);
    if (known) report.known++;
    else report.delivered++;
    // Use the entry that the plan found: a careful session records each message before trying it.
    const planned = step.id === undefined ? before : step.before;
    if (known && !baseline && planned === undefined) report.unrecorded++;
    report.octets += octets;
    // The next message is received while this is written. DELE waits until everything is recorded.
    if (recorded) ledger.apply({ entries: [entry] });
    else if (before === undefined || before.goneSince !== undefined || isOther(before, entry))
      ledger.recordLater({ entries: [entry] });
    const due = status === "delivered" && isDue(policy.delete, entry.firstSeen, size, now);
    // A message that was deleted and is still listed is deleted again.
    if (due || status === "deleted") this.#toDelete.push({ number, entry: deleted(entry) });
    await tell(this.#context, { type: "delivered", number, uid, key, octets, known });
    return isNew;
  }

  /** Removes the mark of the baseline when the content of all its messages is noted. */
  async noteBaselineSeen(): Promise<void> {
    const { ledger } = this.#context;
    const { baseline, ...state } = ledger.state;
    if (baseline === undefined || this.#unseen > 0) return;
    ledger.setState(state);
    await ledger.record();
  }

  /**
   * Marks entries named by content as gone. Only called if everything was retrieved that was not skipped:
   * otherwise it is not known. A skipped message may be that of an entry with its size.
   */
  async noteContentGone({ skip }: Pick<FetchPlan, "skip">): Promise<void> {
    const { ledger, now } = this.#context;
    const skipped = new Set(skip.map(({ size }) => size));
    const changed: LedgerEntry[] = [];
    for (const entry of ledger.entries.values()) {
      const { id, size, goneSince } = entry;
      if (isContentId(id) && goneSince === undefined && !this.#seen.has(id) && !skipped.has(size))
        changed.push({ ...entry, goneSince: now });
    }
    if (changed.length > 0) await ledger.record({ entries: changed });
  }

  /** Sends DELE for all messages to delete. Returns the entries to record after QUIT has deleted them. */
  async mark(): Promise<LedgerEntry[]> {
    if (!this.hasToDelete) return [];
    const { client, ledger, settings } = this.#context;
    await ledger.confirm();
    try {
      await client.dele(
        this.#toDelete.map(({ number }) => number),
        { signal: settings.signal },
      );
    } catch (error) {
      // A message that the server refuses to mark is gone, or is marked in the next run.
      if (!(error instanceof Pop3ReplyError)) throw error;
    }
    return this.#toDelete.filter(({ number }) => client.marked.has(number)).map(({ entry }) => entry);
  }
}

function isOther(before: LedgerEntry, { status, size, firstSeen }: LedgerEntry): boolean {
  return before.status !== status || before.size !== size || before.firstSeen !== firstSeen;
}

function statusOf({ baseline, what }: Pick<Retrieve, "baseline" | "what">): MessageStatus {
  if (baseline) return "baseline";
  return what === "headers" ? "headers" : "delivered";
}
