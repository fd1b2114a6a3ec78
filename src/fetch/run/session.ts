// What one session of a run does: list, plan, deliver, mark. QUIT, which commits, is whoever's the session is.
import type { Pop3Client } from "../../client.ts";
import { Pop3ConnectionError, Pop3Error, Pop3ReplyError } from "../../errors.ts";
import type { Pop3Message } from "../../session/message.ts";
import type { Pop3Retrieval } from "../../session/retrieval.ts";
import { isTemporary } from "../../retry.ts";
import { Deadline } from "./deadline.ts";
import { deliver, isRefusal, RefusedByDestination, type Delivered, type LeftAlone } from "./delivery.ts";
import { DestinationError, isDown, isLater } from "../destinations/destination-error.ts";
import type { FetchEvent } from "../events.ts";
import { failureReason } from "../failure-reason.ts";
import { hasFailed } from "../ledger/another-try.ts";
import type { LedgerChanges, LedgerEntry, MailboxLedger } from "../ledger/ledger.ts";
import { listMaildrop } from "./listing.ts";
import type { FetchSettings } from "../options.ts";
import { isDue, retryPause } from "../plan/schedule.ts";
import { plannedRun } from "../plan/planned.ts";
import {
  deleted,
  entryOf,
  isContentId,
  isSettled,
  planFetch,
  type FetchPlan,
  type Listed,
  type Retrieve,
} from "../plan/plan.ts";
import type { CompletePolicy } from "../plan/policy.ts";
import { recogniseChangedUids } from "./uid-reset.ts";
import type { MutableReport } from "../report.ts";
import { Unlisted } from "../plan/unlisted.ts";

/**
 * After this many refusals, with no message taken in between, the destination is in doubt. A message from the other end
 * of the list decides: if that is refused, too, the destination is at fault.
 */
const IN_A_ROW = 3;
/** The same number of messages that took too long: it is the server, or the line to it. */
const SLOW_IN_A_ROW = 3;

/** How many messages are retrieved for that, at most: one that turns out to be known already decides nothing. */
const PROBES = 3;

/** What a session is to do beside what the policy says. */
export interface SessionTask {
  /** Whether messages are retrieved, too; else only deleted. */
  readonly retrieve: boolean;
  /** The last run died in the middle of something: each message is marked before it is tried. */
  readonly careful: boolean;
  /** From then on no message is begun, and the one in progress is given up; milliseconds, by `performance.now()`. */
  readonly until: number;
  /** Is counted up. */
  readonly spent: Spent;
}

/** What of the limits of a run is used up: by messages that the ledger did not know. */
export interface Spent {
  messages: number;
  octets: number;
  /** The messages that took too long and have no name in the ledger, see {@link sightOf}. */
  readonly slow: Set<string>;
  /** How many messages took too long since the last one that came. */
  slowInARow: number;
}

export interface SessionOutcome {
  /** What the ledger is to say of the messages that are marked, once QUIT has deleted them. */
  readonly marked: readonly LedgerEntry[];
  /** Something was not delivered: the session ends without QUIT, as some servers hide what was retrieved before. */
  readonly withoutQuit: boolean;
  /** There are messages whose turn has not come: they get a session of their own. */
  readonly more: boolean;
  /** There is something to be deleted yet. */
  readonly toDelete: boolean;
  /** It was told to stop, or its time was over. */
  readonly stopped: boolean;
  /** The destination is of no use now. */
  readonly down: Error | undefined;
  /** It refused each message of several, and there are others that it was never offered. */
  readonly untried: boolean;
}

interface Failure {
  readonly step: Retrieve;
  /** Its name in the ledger, where it has one. */
  readonly id: string | undefined;
  readonly error: unknown;
  /** Whether it is the message's fault for certain. */
  readonly certain: boolean;
  /** It took too long: that counts, though the session ended by it. */
  readonly tooSlow?: boolean;
}

/** A dry run ends like a session in which there was nothing to do. */
const NOTHING_DONE: SessionOutcome = {
  marked: [],
  withoutQuit: false,
  more: false,
  toDelete: false,
  stopped: false,
  down: undefined,
  untried: false,
};

export class FetchSession {
  readonly #client: Pop3Client;
  readonly #ledger: MailboxLedger;
  readonly #settings: FetchSettings;
  readonly #policy: CompletePolicy;
  readonly #report: MutableReport;
  readonly #task: SessionTask;
  readonly #now: number = Date.now();
  /** What is being recorded. */
  #recorded: Promise<unknown> = Promise.resolve();
  #recordFailed = false;
  /** It is not certain that the mailbox is still ours: nothing is delivered, and nothing is recorded. */
  #unconfirmed = false;
  readonly #failures: Failure[] = [];
  /** Refusals since the last message that was taken. */
  #inARow = 0;
  #lastRefusal: unknown;
  /** The destination is down because it refused each of several messages. */
  #refusesAll = false;
  /** What may be retrieved in this run. */
  #wanted: readonly Retrieve[] = [];
  /** Messages whose retrieval was tried. */
  readonly #tried: Set<Retrieve> = new Set();
  /** Of these: messages that failed in an earlier run, as their content told. They come last. */
  readonly #putOff: Retrieve[] = [];
  /** Whether their turn has come. */
  #again = false;
  /** Of these: messages that the ledger did not know. */
  #fresh = 0;
  /** Messages of before the first run, yet to be looked at. */
  #unseen = 0;
  /** Something was asked for, and not taken. */
  #abandoned = false;
  #toMark: { readonly number: number; readonly entry: LedgerEntry }[] = [];
  #seen: Set<string> = new Set();
  #unlisted: Unlisted = new Unlisted([], new Map());
  #stopped = false;
  #down: Error | undefined;
  readonly #deadline: Deadline;

  constructor(
    client: Pop3Client,
    ledger: MailboxLedger,
    settings: FetchSettings,
    draft: MutableReport,
    task: SessionTask,
  ) {
    this.#client = client;
    this.#ledger = ledger;
    this.#settings = settings;
    this.#report = draft;
    this.#task = task;
    const { policy, signal } = settings;
    const { limits } = policy;
    this.#deadline = new Deadline(task.retrieve ? task.until : Infinity, signal);
    // What the sessions before have left of it.
    const octets = limits.octets - task.spent.octets;
    const messages = octets > 0 || task.spent.octets === 0 ? limits.messages - task.spent.messages : 0;
    this.#policy = { ...policy, limits: { ...limits, octets, messages } };
  }

  async run(): Promise<SessionOutcome> {
    try {
      return await this.#work();
    } catch (error) {
      // In the middle of a look at the headers: nothing was marked, and nothing is lost.
      if (this.#timeIsOver(error)) return STOPPED;
      throw error;
    } finally {
      this.#deadline.clear();
    }
  }

  async #work(): Promise<SessionOutcome> {
    const listing = await this.#list();
    const { signal } = this.#deadline;
    await recogniseChangedUids(this.#client, listing, this.#ledger, this.#policy, signal);
    this.#unlisted = new Unlisted(listing, this.#ledger.entries);
    const plan = await this.#plan(listing);
    if (this.#policy.dryRun) {
      this.#report.planned = plannedRun(plan, this.#policy, this.#now);
      this.#report.left = plan.left;
      return NOTHING_DONE;
    }
    for (const { number, entry } of plan.remove) this.#toMark.push({ number, entry });
    const wanted = (this.#wanted = this.#notYetFailed(plan.retrieve));
    const steps = this.#task.retrieve ? wanted.slice(0, this.#turnOf(wanted)) : [];
    this.#unseen = plan.retrieve.filter(({ baseline }) => baseline).length;
    await this.#retrieve(steps.filter(({ what }) => what === "whole"));
    await this.#retrieve(steps.filter(({ what }) => what === "headers"));
    await this.#retrieveAgain();
    this.#deadline.clear();
    await this.#recorded;
    await this.#recordFailures();
    await this.#noteBaselineSeen();
    const ended = this.#stopped || this.#down !== undefined;
    const lost = this.#client.state !== "transaction";
    const tooSlow = this.#failures.some((failure) => failure.tooSlow);
    // It says why.
    if (lost && !ended && !(tooSlow && this.#task.spent.slowInARow < SLOW_IN_A_ROW))
      await this.#client.noop();
    const rest = wanted.length - this.#tried.size;
    if (this.#task.retrieve) {
      this.#report.left = plan.left + rest;
      const unknown = this.#failures.some(({ id }) => id === undefined) || this.#task.spent.slow.size > 0;
      if (this.#report.left === 0 && !unknown) await this.#noteContentGone();
    }
    const failed = this.#failures.some(({ error }) => error instanceof RefusedByDestination);
    const untried = this.#refusesAll && this.#hasUntried(plan);
    const outcome = { stopped: this.#stopped, down: this.#down, untried };
    const more = !ended && this.#task.retrieve && rest > 0 && !this.#isUsedUp();
    if (failed || this.#abandoned || lost) {
      const toDelete = this.#down === undefined && this.#toMark.length > 0;
      return { ...outcome, marked: [], withoutQuit: true, more, toDelete };
    }
    return { ...outcome, marked: await this.#mark(), withoutQuit: false, more, toDelete: false };
  }

  async #list(): Promise<readonly Listed[]> {
    const { messages, malformed } = await listMaildrop(this.#client, this.#policy, this.#settings.signal);
    if (this.#report.listed === 0) {
      this.#report.listed = messages.length;
      for (const { size = 0 } of messages) this.#report.listedOctets += size;
    }
    if (malformed.length > 0 && this.#report.malformed.length === 0) {
      this.#report.malformed = malformed;
      await this.#tell({ type: "malformed", lines: malformed });
    }
    return messages;
  }

  async #plan(listing: readonly Listed[]): Promise<FetchPlan> {
    const { entries, state } = this.#ledger;
    const situation = {
      listing,
      entries,
      first: state.lastRun === undefined,
      baseline: state.baseline,
      policy: this.#policy,
      now: this.#now,
    };
    let plan = planFetch(situation);
    const headers = plan.retrieve.some(({ what }) => what === "headers");
    // This costs a command only if the server does not list TOP; a dry run retrieves nothing.
    if (
      headers &&
      !this.#policy.dryRun &&
      !(await this.#client.supports("TOP", { signal: this.#deadline.signal }))
    )
      plan = planFetch({ ...situation, withoutTop: true });
    const { baseline: _, ...rest } = state;
    await this.#ledger.record({
      entries: plan.entries,
      forgotten: plan.forgotten,
      state: {
        ...{ ...rest, lastRun: this.#now },
        ...(plan.baseline === undefined ? {} : { baseline: plan.baseline }),
      },
    });
    const { retrieve, remove, skip } = plan;
    let toRetrieveOctets = 0;
    for (const { size = 0 } of retrieve) toRetrieveOctets += size;
    await this.#tell({
      type: "listed",
      messages: listing.length,
      octets: this.#report.listedOctets,
      toRetrieve: this.#task.retrieve ? retrieve.length : 0,
      toRetrieveOctets,
      toDelete: remove.length,
    });
    if (this.#task.retrieve) {
      this.#report.skipped = [...skip];
      for (const each of skip) await this.#tell({ type: "skipped", ...each });
    }
    return plan;
  }

  /** Retrieves in order, unless the destination turns out to be at fault for what it refuses. */
  async #retrieve(steps: readonly Retrieve[]): Promise<void> {
    for (let left = steps; ;) {
      const inDoubt = await this.#retrieveInOrder(left, IN_A_ROW);
      if (!inDoubt || this.#isOver() || this.#hasEnough()) return;
      await this.#probe();
      left = steps.filter((step) => !this.#tried.has(step));
    }
  }

  async #retrieveAgain(): Promise<void> {
    this.#again = true;
    for (const step of this.#putOff) this.#tried.delete(step);
    await this.#retrieve(this.#putOff);
  }

  /** Returns whether the destination is in doubt: it has refused as many in a row as `patience` says. */
  async #retrieveInOrder(steps: readonly Retrieve[], patience: number): Promise<boolean> {
    const [first] = steps;
    if (first === undefined || this.#isOver()) return false;
    const { signal } = this.#deadline;
    const top = first.what === "headers" ? 0 : undefined;
    const messages = this.#client.retrieve(
      steps.map(({ number }) => number),
      { top, signal, totalTimeout: this.#messageTime },
    );
    try {
      for (const step of steps) {
        // What was asked for, and nobody takes, may be hidden behind QUIT: the session ends without.
        if (this.#isOver() || this.#inARow >= patience) {
          // Where the time is over, the loop has given them up already.
          this.#abandoned ||= messages.ahead > 0 || this.#deadline.passed;
          break;
        }
        if (this.#hasEnough()) messages.finish();
        const message = await this.#next(messages, step);
        if (message === undefined) break;
        this.#tried.add(step);
        await this.#try(message, step);
      }
    } finally {
      // It listens to the signal until then.
      await messages.return();
    }
    return this.#inARow >= patience;
  }

  /**
   * Tries a message that was never tried, from the other end of the list: messages that are always refused must not
   * keep the others from coming. If it is refused, too, or there is no such message, the destination is down.
   */
  async #probe(): Promise<void> {
    const untried = this.#wanted.filter((step) => isNew(step) && !this.#tried.has(step));
    for (const step of untried.slice(-PROBES).reverse()) {
      const before = this.#inARow;
      await this.#retrieveInOrder([step], Infinity);
      if (this.#inARow < before || this.#isOver()) return;
      if (this.#inARow > before) break;
    }
    this.#refusesAll = true;
    this.#down = new DestinationError(`it refused ${String(this.#inARow)} messages in a row`, {
      cause: this.#lastRefusal,
      down: true,
    });
  }

  /**
   * Whether there are messages that the destination was never offered. Those without a unique-id may have been, each
   * time: there are as many of them as runs that failed one after another, at some time.
   */
  #hasUntried({ retrieve, left }: FetchPlan): boolean {
    const untried = this.#wanted.filter((step) => isNew(step) && !this.#tried.has(step));
    if (untried.some(({ id }) => id !== undefined)) return true;
    if (left > 0 && retrieve.every(isNew)) return true;
    return untried.length > (this.#ledger.state.failures ?? 0);
  }

  /** The next message; `undefined`: there is none, or it took too long before its turn came here. */
  async #next(messages: Pop3Retrieval, step: Retrieve): Promise<Pop3Message | undefined> {
    try {
      return (await messages.next()).value;
    } catch (error) {
      if (!isTooSlow(error)) throw error;
      this.#tried.add(step);
      await this.#notDelivered(step, error);
      return undefined;
    }
  }

  async #try(message: Pop3Message, step: Retrieve): Promise<void> {
    if (this.#task.careful && step.id !== undefined) await this.#blameBeforehand(step);
    let came: Delivered | LeftAlone;
    try {
      came = await deliver(message, step, this.#context(step));
    } catch (error) {
      await this.#notDelivered(step, error);
      return;
    }
    if ("leftAlone" in came) await this.#leftAlone(step, came);
    else await this.#delivered(step, came);
  }

  /** What has failed in this run waits for the next, however short its pause: it would go on for ever. */
  #notYetFailed(steps: readonly Retrieve[]): readonly Retrieve[] {
    const failed = new Set(this.#report.failed.map(({ uid }) => uid));
    const { slow } = this.#task.spent;
    return steps.filter((step) => (step.id === undefined ? !slow.has(sightOf(step)) : !failed.has(step.id)));
  }

  /** How many of the messages have their turn in this session; those that go by their content may be known. */
  #turnOf(steps: readonly Retrieve[]): number {
    let named = 0;
    const end = steps.findIndex(({ id }) => id !== undefined && ++named > this.#policy.commitEvery);
    return end === -1 ? steps.length : end;
  }

  /** Of what was not known to be new before it came. */
  #hasEnough(): boolean {
    return this.#fresh >= this.#policy.commitEvery || this.#isUsedUp();
  }

  /** The limits of the run are met. */
  #isUsedUp(): boolean {
    const { limits } = this.#settings.policy;
    const { messages, octets } = this.#task.spent;
    return messages >= limits.messages || (octets > 0 && octets >= limits.octets);
  }

  #isOver(): boolean {
    const { stop } = this.#settings;
    this.#stopped ||= stop?.aborted === true || performance.now() >= this.#task.until;
    const lost = this.#client.state !== "transaction";
    return this.#stopped || lost || this.#down !== undefined || this.#recordFailed;
  }

  #context(step: Retrieve): Parameters<typeof deliver>[2] {
    const { mailbox, destination, signal } = this.#settings;
    const { number, size } = step;
    return {
      client: this.#client,
      mailbox,
      keyName: this.#ledger.keyName ?? mailbox,
      destination,
      signal,
      policy: this.#policy,
      entries: this.#ledger.entries,
      server: { signal: this.#deadline.signal, totalTimeout: this.#messageTime },
      again: this.#again,
      confirm: () => this.#confirm(),
      unlisted: this.#unlisted,
      progress: (received) => this.#tell({ type: "progress", number, received, size }),
    };
  }

  async #confirm(): Promise<void> {
    try {
      await this.#ledger.confirm?.();
    } catch (error) {
      this.#unconfirmed = true;
      throw error;
    }
  }

  async #delivered(step: Retrieve, { id, key, octets, known, headers }: Delivered): Promise<void> {
    const { number, uid, size } = step;
    const before = this.#ledger.entries.get(id);
    const settled = before !== undefined && isSettled(before);
    const fresh = step.baseline ? "baseline" : step.what === "headers" ? "headers" : "delivered";
    const status = settled ? before.status : fresh;
    const firstSeen = step.before?.firstSeen ?? before?.firstSeen ?? this.#now;
    const entry = entryOf(step, id, status, firstSeen, headers);
    this.#task.spent.slowInARow = 0;
    if (step.baseline) this.#unseen--;
    else if (!settled) {
      this.#inARow = 0;
      this.#fresh++;
      this.#task.spent.messages++;
      this.#task.spent.octets += octets;
    }
    this.#seen.add(id);
    if (known) this.#report.known++;
    else this.#report.delivered++;
    // As the plan found it: after a crash each message is noted before it is tried.
    const recorded = step.id === undefined ? before : step.before;
    if (known && !step.baseline && recorded === undefined) this.#report.unrecorded++;
    this.#report.octets += octets;
    // The next message comes while this is written; DELE waits for all of it.
    if (before?.status !== status || before.goneSince !== undefined || before.size !== size)
      this.#record({ entries: [entry] });
    const due = status === "delivered" && isDue(this.#policy.delete, entry.firstSeen, size, this.#now);
    // What was deleted and is there all the same is deleted once more.
    if (due || status === "deleted") this.#toMark.push({ number, entry: deleted(entry) });
    await this.#tell({ type: "delivered", number, uid, key, octets, known });
  }

  #record(changes: LedgerChanges): void {
    const recorded = this.#ledger.record(changes);
    // Awaited before anything is marked; until then its failure is nobody's to handle.
    recorded.catch(() => (this.#recordFailed = true));
    this.#recorded = this.#recorded.then(() => recorded);
    this.#recorded.catch(() => undefined);
  }

  async #leftAlone(step: Retrieve, { leftAlone: skip, id }: LeftAlone): Promise<void> {
    this.#seen.add(id);
    if (skip === "comes last") {
      this.#putOff.push(step);
      return;
    }
    this.#report.skipped.push(skip);
    await this.#tell({ type: "skipped", ...skip });
  }

  /** Throws what ends the session; what fails one message is remembered. */
  async #notDelivered(step: Retrieve, error: unknown): Promise<void> {
    if (this.#unconfirmed) throw error;
    if (error instanceof RefusedByDestination) {
      const { id, cause } = error;
      if (this.#settings.signal?.aborted === true) {
        await this.#takeBack(step);
        throw cause;
      }
      if (this.#settings.stop?.aborted === true && isDown(cause)) {
        // It was told to stop, too.
        await this.#leaveForLater(step);
        return;
      }
      this.#failures.push({ step, id, error, certain: false });
      this.#seen.add(id);
      if (isDown(cause)) {
        this.#down = cause as Error;
        return;
      }
      this.#inARow++;
      this.#lastRefusal = cause;
      return;
    }
    if (isRefusal(error)) {
      this.#failures.push({ step, id: step.id, error, certain: true });
      return;
    }
    if (this.#timeIsOver(error)) {
      await this.#leaveForLater(step);
      return;
    }
    if (isTooSlow(error)) {
      const seconds = String(this.#policy.limits.messageSeconds);
      const words = `it took longer than ${seconds} seconds (limits.messageSeconds of the policy)`;
      const { command } = error;
      const failure = new Pop3ConnectionError(error.code, words, { command, cause: error });
      this.#failures.push({ step, id: step.id, error: failure, certain: true, tooSlow: true });
      this.#task.spent.slowInARow++;
      if (step.id === undefined) this.#task.spent.slow.add(sightOf(step));
      return;
    }
    // With one command at a time the same message may come without a fault: the run tries it at once.
    const blameless = this.#client.pipelining === "broken" || this.#settings.signal?.aborted === true;
    if (blameless) await this.#takeBack(step);
    else if (step.id !== undefined) {
      // It may be the message that ends the session: let others come before it the next time.
      await this.#recorded;
      await this.#ledger.record({ entries: [this.#failedEntry(step, step.id, error, false)] });
    }
    throw error;
  }

  /** How long a message may take; milliseconds. */
  get #messageTime(): number {
    return this.#policy.limits.messageSeconds * 1000;
  }

  /** Whether a call was given up because the time of the run is over. */
  #timeIsOver(error: unknown): boolean {
    return this.#deadline.passed && Pop3Error.is(error) && error.code === "POP3_ABORTED";
  }

  /** The run ends in the middle of a message, which is not to blame: it comes again. */
  async #leaveForLater(step: Retrieve): Promise<void> {
    this.#stopped = true;
    this.#abandoned = true;
    this.#tried.delete(step);
    await this.#takeBack(step);
  }

  /** Should the process die of this message, too, others come before it the next time. */
  async #blameBeforehand(step: Retrieve): Promise<void> {
    const error = new Error("the process ended while it was delivered");
    await this.#ledger.record({ entries: [this.#failedEntry(step, step.id as string, error, true)] });
  }

  /** It was not the message. */
  async #takeBack({ id, before }: Retrieve): Promise<void> {
    if (!this.#task.careful || id === undefined) return;
    await this.#ledger.record(before === undefined ? { forgotten: [id] } : { entries: [before] });
  }

  /** `counts`: whether the message is to blame. */
  #failedEntry(step: Retrieve, id: string, error: unknown, counts: boolean): LedgerEntry {
    const before = step.id === undefined ? this.#ledger.entries.get(id) : step.before;
    const tries = (before?.tries ?? 0) + (counts ? 1 : 0);
    const failures = (before?.failures ?? 0) + 1;
    const quarantined = counts && tries >= this.#policy.tries;
    const failedAt = Date.now();
    const retryAt = failedAt + retryPause(this.#policy.retry, failures);
    return {
      ...entryOf(step, id, quarantined ? "quarantined" : "failed", before?.firstSeen ?? this.#now),
      ...{ tries, failures, failedAt, reason: this.#reasonOf(error) },
      ...(quarantined ? {} : { retryAt }),
    };
  }

  /**
   * A message is to blame where the server refuses it, or the destination does while it takes others: else it is the
   * destination, and no message is left alone because of that.
   */
  async #recordFailures(): Promise<void> {
    const works = this.#report.delivered > 0;
    for (const { step, id, error, certain, tooSlow = false } of this.#failures) {
      const cause = error instanceof RefusedByDestination ? error.cause : error;
      const counts = tooSlow || ((certain || works) && !isLater(cause) && !isTemporary(cause));
      const entry =
        id === undefined || isDown(cause) ? undefined : this.#failedEntry(step, id, cause, counts);
      if (entry === undefined) await this.#takeBack(step);
      else await this.#ledger.record({ entries: [entry] });
      const { number, uid } = step;
      const failed = {
        ...{ number, uid, id, error: cause, reason: this.#reasonOf(cause) },
        at: entry?.failedAt ?? Date.now(),
        tries: entry?.failures ?? 1,
        retryAt: entry === undefined ? this.#now : entry.retryAt,
      };
      this.#report.failed.push(failed);
      await this.#tell({ type: "message-failed", ...failed });
    }
  }

  #reasonOf(error: unknown): string {
    const { pass, accessToken } = this.#settings.account.auth ?? {};
    const secrets = [pass, accessToken].filter((secret) => typeof secret === "string");
    return failureReason(error, secrets);
  }

  async #noteBaselineSeen(): Promise<void> {
    const { baseline, ...state } = this.#ledger.state;
    if (this.#task.retrieve && baseline !== undefined && this.#unseen === 0)
      await this.#ledger.record({ state });
  }

  /** What goes by its content is known to be gone when everything was retrieved. */
  async #noteContentGone(): Promise<void> {
    const changed: LedgerEntry[] = [];
    for (const entry of this.#ledger.entries.values()) {
      if (isContentId(entry.id) && entry.goneSince === undefined && !this.#seen.has(entry.id))
        changed.push({ ...entry, goneSince: this.#now });
    }
    if (changed.length > 0) await this.#ledger.record({ entries: changed });
  }

  /** DELE for what is to be deleted; returns what the ledger is to say when it is. */
  async #mark(): Promise<LedgerEntry[]> {
    if (this.#toMark.length === 0) return [];
    try {
      await this.#client.dele(
        this.#toMark.map(({ number }) => number),
        { signal: this.#settings.signal },
      );
    } catch (error) {
      // What the server refuses to mark is marked the next time, or is gone.
      if (!(error instanceof Pop3ReplyError)) throw error;
    }
    return this.#toMark.filter(({ number }) => this.#client.marked.has(number)).map(({ entry }) => entry);
  }

  #tell(event: DistributiveOmit<FetchEvent, "mailbox">): Promise<void> | void {
    return this.#settings.onEvent({ mailbox: this.#settings.mailbox, ...event });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** The session ends before anything was retrieved. */
const STOPPED: SessionOutcome = { ...NOTHING_DONE, withoutQuit: true, stopped: true };

/** Whether a message took longer than the policy allows: no other call of a run has a `totalTimeout`. */
function isTooSlow(error: unknown): error is Pop3ConnectionError {
  return Pop3Error.is(error) && (error as Partial<Pop3ConnectionError>).limit === "totalTimeout";
}

/** What a message is known by within one run, as long as nothing is deleted: its place and its size. */
function sightOf({ number, size }: Listed): string {
  return `${String(number)} ${String(size)}`;
}

/** As far as the ledger knows, the destination was never offered it. */
function isNew({ before }: Retrieve): boolean {
  return before === undefined || !hasFailed(before);
}
