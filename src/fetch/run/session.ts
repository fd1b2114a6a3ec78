// Does the work of one session of a run: lists the maildrop, plans, delivers, and marks with DELE. The caller
// owns the session and sends QUIT, which commits.
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
import { deleted, entryOf, isContentId, isSettled } from "../plan/entry.ts";
import { planFetch, type FetchPlan } from "../plan/plan.ts";
import type { Listed, Retrieve } from "../plan/steps.ts";
import type { CompletePolicy } from "../plan/policy.ts";
import { recogniseChangedUids } from "./uid-reset.ts";
import type { MutableReport } from "../report.ts";
import { Unlisted } from "../plan/unlisted.ts";

/**
 * After this many refusals in a row the destination is in doubt. A message from the other end of the list
 * decides: if the destination refuses that one too, the destination is at fault, not the messages.
 */
const IN_A_ROW = 3;
/** After this many messages in a row that took too long, the server or the connection is at fault. */
const SLOW_IN_A_ROW = 3;

/** How many messages a probe retrieves, at most: a message that turns out to be known decides nothing. */
const PROBES = 3;

/** The task of one session, in addition to the policy. */
export interface SessionTask {
  /** Whether the session retrieves messages. If not, it only deletes. */
  readonly retrieve: boolean;
  /** The process died during the last run: record each message as failed before trying it. */
  readonly careful: boolean;
  /**
   * When the session begins no other message and gives up the current one; milliseconds, by
   * `performance.now()`.
   */
  readonly until: number;
  /** Counters of the run, which the session increments. */
  readonly spent: Spent;
}

/** The used part of the limits of a run. Only messages that the ledger did not know count. */
export interface Spent {
  messages: number;
  octets: number;
  /** Messages that took too long and have no name in the ledger, see {@link sightOf}. */
  readonly slow: Set<string>;
  /** How many messages took too long since the last one that was received. */
  slowInARow: number;
}

export interface SessionOutcome {
  /** The entries to record after QUIT has deleted the marked messages. */
  readonly marked: readonly LedgerEntry[];
  /**
   * A message was not delivered: the session ends without QUIT, because some servers hide retrieved messages
   * after it.
   */
  readonly withoutQuit: boolean;
  /** There are messages left to retrieve: they need another session. */
  readonly more: boolean;
  /** There are messages left to delete. */
  readonly toDelete: boolean;
  /** `stop` was aborted, or the time limit of the run has passed. */
  readonly stopped: boolean;
  /** Why the destination is down, if it is. */
  readonly down: Error | undefined;
  /** The destination refused several messages in a row, and there are messages that it was never offered. */
  readonly untried: boolean;
}

interface Failure {
  readonly step: Retrieve;
  /** Its name in the ledger, if it has one. */
  readonly id: string | undefined;
  readonly error: unknown;
  /** Whether the failure is certainly the fault of the message. */
  readonly certain: boolean;
  /** The message took too long. This counts as its fault, although it ended the session. */
  readonly tooSlow?: boolean;
}

/** The outcome of a dry run: that of a session with nothing to do. */
const NOTHING_DONE: SessionOutcome = {
  marked: [],
  withoutQuit: false,
  more: false,
  toDelete: false,
  stopped: false,
  down: undefined,
  untried: false,
};

/** One session of a run. Call {@link run} once. */
export class FetchSession {
  readonly #client: Pop3Client;
  readonly #ledger: MailboxLedger;
  readonly #settings: FetchSettings;
  readonly #policy: CompletePolicy;
  readonly #report: MutableReport;
  readonly #task: SessionTask;
  readonly #now: number = Date.now();
  /** Settles when the ledger has recorded all changes so far. */
  #recorded: Promise<unknown> = Promise.resolve();
  #recordFailed = false;
  /** Another run may hold the mailbox now: deliver nothing, record nothing. */
  #unconfirmed = false;
  readonly #failures: Failure[] = [];
  /** Refusals since the destination last took a message. */
  #inARow = 0;
  #lastRefusal: unknown;
  /** The destination counts as down because it refused several messages in a row. */
  #refusesAll = false;
  /** The messages that may be retrieved in this run. */
  #wanted: readonly Retrieve[] = [];
  /** The messages whose retrieval was tried. */
  readonly #tried: Set<Retrieve> = new Set();
  /** Of these: messages whose content shows that they failed in an earlier run. They come last. */
  readonly #putOff: Retrieve[] = [];
  /** Whether the messages of `#putOff` are being tried now. */
  #again = false;
  /** The number of delivered messages that the ledger did not know. */
  #fresh = 0;
  /** The number of messages from before the first run whose content is not noted yet. */
  #unseen = 0;
  /** A message was requested with RETR or TOP, and not read to the end. */
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
    // The part of the limits that earlier sessions have not used.
    const octets = limits.octets - task.spent.octets;
    const messages = octets > 0 || task.spent.octets === 0 ? limits.messages - task.spent.messages : 0;
    this.#policy = { ...policy, limits: { ...limits, octets, messages } };
  }

  /** Runs the session up to, but without, QUIT. Rejects with the error that ended the session. */
  async run(): Promise<SessionOutcome> {
    try {
      return await this.#work();
    } catch (error) {
      // The time limit passed before the first delivery: nothing was marked, and nothing is lost.
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
    // NOOP rejects with the reason why the session was lost.
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
    // This costs a command only if CAPA does not list TOP. A dry run retrieves nothing, so it does not ask.
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
        ...rest,
        lastRun: this.#now,
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

  /** Retrieves messages in order. Stops if the destination turns out to be at fault for its refusals. */
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

  /**
   * Retrieves messages in order. Returns whether the destination has refused `patience` messages in a row.
   */
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
        // Messages were requested and will not be read. The server may hide them after QUIT: end without
        // QUIT.
        if (this.#isOver() || this.#inARow >= patience) {
          // If the time limit has passed, the retrieval has given up its requests already: `ahead` is 0.
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
      // Removes the listener of the retrieval from the signal.
      await messages.return();
    }
    return this.#inARow >= patience;
  }

  /**
   * Tries a message that was never tried, from the other end of the list, because messages that are always
   * refused must not block the others. If the destination refuses it too, or there is no such message, the
   * destination is down.
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
    this.#down = new DestinationError(`the destination refused ${String(this.#inARow)} messages in a row`, {
      cause: this.#lastRefusal,
      down: true,
    });
  }

  /**
   * Returns whether there are messages that the destination was never offered. This is not known of messages
   * without a unique-id. Each failed run has offered one of them at least, so after as many failed runs in a
   * row as there are such messages, all count as offered.
   */
  #hasUntried({ retrieve, left }: FetchPlan): boolean {
    const untried = this.#wanted.filter((step) => isNew(step) && !this.#tried.has(step));
    if (untried.some(({ id }) => id !== undefined)) return true;
    if (left > 0 && retrieve.every(isNew)) return true;
    return untried.length > (this.#ledger.state.failures ?? 0);
  }

  /**
   * Returns the next message; `undefined` if there is none, or if it took too long before it could be read.
   */
  async #next(messages: Pop3Retrieval, step: Retrieve): Promise<Pop3Message | undefined> {
    try {
      return (await messages.next()).value;
    } catch (error) {
      if (!this.#isTooSlow(error)) throw error;
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

  /**
   * Leaves out messages that failed in this run, even if their pause is over: otherwise the run might never
   * end.
   */
  #notYetFailed(steps: readonly Retrieve[]): readonly Retrieve[] {
    const failed = new Set(this.#report.failed.map(({ uid }) => uid));
    const { slow } = this.#task.spent;
    return steps.filter((step) => (step.id === undefined ? !slow.has(sightOf(step)) : !failed.has(step.id)));
  }

  /**
   * Returns how many of the messages this session may request (`commitEvery`). Messages that are identified
   * by their content do not count, because they may be known already.
   */
  #turnOf(steps: readonly Retrieve[]): number {
    let named = 0;
    const end = steps.findIndex(({ id }) => id !== undefined && ++named > this.#policy.commitEvery);
    return end === -1 ? steps.length : end;
  }

  /** Whether enough new messages were delivered. Their content may show only on arrival that they are new. */
  #hasEnough(): boolean {
    return this.#fresh >= this.#policy.commitEvery || this.#isUsedUp();
  }

  /** Whether the limits of the run are used up. */
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
    // Use the entry that the plan found: a careful session records each message before trying it.
    const recorded = step.id === undefined ? before : step.before;
    if (known && !step.baseline && recorded === undefined) this.#report.unrecorded++;
    this.#report.octets += octets;
    // The next message is received while this is written. DELE waits until everything is recorded.
    if (before?.status !== status || before.goneSince !== undefined || before.size !== size)
      this.#record({ entries: [entry] });
    const due = status === "delivered" && isDue(this.#policy.delete, entry.firstSeen, size, this.#now);
    // A message that was deleted and is still listed is deleted again.
    if (due || status === "deleted") this.#toMark.push({ number, entry: deleted(entry) });
    await this.#tell({ type: "delivered", number, uid, key, octets, known });
  }

  #record(changes: LedgerChanges): void {
    const recorded = this.#ledger.record(changes);
    // Awaited before DELE. Until then, these handlers prevent an unhandled rejection.
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

  /** Remembers an error that fails one message. Throws an error that ends the session. */
  async #notDelivered(step: Retrieve, error: unknown): Promise<void> {
    if (this.#unconfirmed) throw error;
    if (error instanceof RefusedByDestination) {
      const { id, cause } = error;
      if (this.#settings.signal?.aborted === true) {
        await this.#takeBack(step);
        throw cause;
      }
      if (this.#settings.stop?.aborted === true && isDown(cause)) {
        // The destination may have ended its work because of `stop` too: the message did not fail.
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
    if (this.#isTooSlow(error)) {
      const seconds = String(this.#policy.limits.messageSeconds);
      const words = `the message took longer than ${seconds} seconds (policy.limits.messageSeconds)`;
      const { command } = error;
      const failure = new Pop3ConnectionError(error.code, words, { command, cause: error });
      this.#failures.push({ step, id: step.id, error: failure, certain: true, tooSlow: true });
      this.#task.spent.slowInARow++;
      if (step.id === undefined) this.#task.spent.slow.add(sightOf(step));
      return;
    }
    // The server failed because of pipelining. The run tries the message again at once, one command at a
    // time.
    const blameless = this.#client.pipelining === "broken" || this.#settings.signal?.aborted === true;
    if (blameless) await this.#takeBack(step);
    else if (step.id !== undefined) {
      // This message may be what ends the session: the next run tries other messages first.
      await this.#recorded;
      await this.#ledger.record({ entries: [this.#failedEntry(step, step.id, error, false)] });
    }
    throw error;
  }

  /** How long the server may take for a message, in milliseconds. */
  get #messageTime(): number {
    return this.#policy.limits.messageSeconds * 1000;
  }

  /**
   * Whether a message took longer than the policy allows. Not if it has come and only the next reply is missing: with
   * one command at a time it does not wait for that.
   */
  #isTooSlow(error: unknown): error is Pop3ConnectionError {
    return this.#client.pipelining !== "broken" && isTooSlow(error);
  }

  /** Returns whether a call was given up because the time limit of the run has passed. */
  #timeIsOver(error: unknown): boolean {
    return this.#deadline.passed && Pop3Error.is(error) && error.code === "POP3_ABORTED";
  }

  /** Ends the run during a message. This is not its fault, so the next run tries it again. */
  async #leaveForLater(step: Retrieve): Promise<void> {
    this.#stopped = true;
    this.#abandoned = true;
    this.#tried.delete(step);
    await this.#takeBack(step);
  }

  /**
   * Records the message as failed before trying it: if the process dies again, the next run tries others
   * first.
   */
  async #blameBeforehand(step: Retrieve): Promise<void> {
    const error = new Error("the process ended during the delivery of this message");
    await this.#ledger.record({ entries: [this.#failedEntry(step, step.id as string, error, true)] });
  }

  /** Restores the entry from before the try, because the message was not at fault. */
  async #takeBack({ id, before }: Retrieve): Promise<void> {
    if (!this.#task.careful || id === undefined) return;
    await this.#ledger.record(before === undefined ? { forgotten: [id] } : { entries: [before] });
  }

  /** Returns the entry of a failed message. `counts`: whether the failure counts as one of its `tries`. */
  #failedEntry(step: Retrieve, id: string, error: unknown, counts: boolean): LedgerEntry {
    const before = step.id === undefined ? this.#ledger.entries.get(id) : step.before;
    const tries = (before?.tries ?? 0) + (counts ? 1 : 0);
    const failures = (before?.failures ?? 0) + 1;
    const quarantined = counts && tries >= this.#policy.tries;
    const failedAt = Date.now();
    const retryAt = failedAt + retryPause(this.#policy.retry, failures);
    return {
      ...entryOf(step, id, quarantined ? "quarantined" : "failed", before?.firstSeen ?? this.#now),
      tries,
      failures,
      failedAt,
      reason: this.#reasonOf(error),
      ...(quarantined ? {} : { retryAt }),
    };
  }

  /**
   * Records the failures of this session. A message is at fault if the server refused it, or if the
   * destination refused it and took other messages. Otherwise the destination is at fault, and the failure
   * does not count as one of `tries`.
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
        number,
        uid,
        id,
        error: cause,
        reason: this.#reasonOf(cause),
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

  /** Removes the mark of the baseline when the content of all its messages is noted. */
  async #noteBaselineSeen(): Promise<void> {
    const { baseline, ...state } = this.#ledger.state;
    if (this.#task.retrieve && baseline !== undefined && this.#unseen === 0)
      await this.#ledger.record({ state });
  }

  /**
   * Marks entries named by content as gone. Only called if everything was retrieved: otherwise it is not
   * known.
   */
  async #noteContentGone(): Promise<void> {
    const changed: LedgerEntry[] = [];
    for (const entry of this.#ledger.entries.values()) {
      if (isContentId(entry.id) && entry.goneSince === undefined && !this.#seen.has(entry.id))
        changed.push({ ...entry, goneSince: this.#now });
    }
    if (changed.length > 0) await this.#ledger.record({ entries: changed });
  }

  /** Sends DELE for all messages to delete. Returns the entries to record after QUIT has deleted them. */
  async #mark(): Promise<LedgerEntry[]> {
    if (this.#toMark.length === 0) return [];
    try {
      await this.#client.dele(
        this.#toMark.map(({ number }) => number),
        { signal: this.#settings.signal },
      );
    } catch (error) {
      // A message that the server refuses to mark is gone, or is marked in the next run.
      if (!(error instanceof Pop3ReplyError)) throw error;
    }
    return this.#toMark.filter(({ number }) => this.#client.marked.has(number)).map(({ entry }) => entry);
  }

  #tell(event: DistributiveOmit<FetchEvent, "mailbox">): Promise<void> | void {
    return this.#settings.onEvent({ mailbox: this.#settings.mailbox, ...event });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** The outcome of a session that ended before it retrieved anything. */
const STOPPED: SessionOutcome = { ...NOTHING_DONE, withoutQuit: true, stopped: true };

/** Returns whether a message took longer than the policy allows: no other call of a run has a `totalTimeout`. */
function isTooSlow(error: unknown): error is Pop3ConnectionError {
  return Pop3Error.is(error) && (error as Partial<Pop3ConnectionError>).limit === "totalTimeout";
}

/**
 * Returns a name for a message within one run: its number and size, which stay valid until a message is
 * deleted.
 */
function sightOf({ number, size }: Listed): string {
  return `${String(number)} ${String(size)}`;
}

/** Returns whether the destination was never offered the message, as far as the ledger knows. */
function isNew({ before }: Retrieve): boolean {
  return before === undefined || !hasFailed(before);
}
