// Delivers the messages of a plan in order. Ends early if the session, the run or the destination ends.
import { printable } from "../../protocol/printable.ts";
import type { Pop3Message } from "../../session/message.ts";
import type { Pop3Retrieval } from "../../session/retrieval.ts";
import { DestinationError } from "../destinations/destination-error.ts";
import { hasFailed } from "../ledger/another-try.ts";
import type { FetchPlan } from "../plan/plan.ts";
import type { Retrieve } from "../plan/steps.ts";
import type { Unlisted } from "../plan/unlisted.ts";
import { blame, isTooSlow, type Failure } from "./blame.ts";
import { circumstancesOf, tell, type SessionContext } from "./context.ts";
import { deliver, keepingAlive, type DeliveryContext, type LeftAlone, type Received } from "./delivery.ts";
import { reasonOf, type Failures } from "./failures.ts";
import type { Tally } from "./tally.ts";
import { traceMessage } from "./trace.ts";
import { Underway } from "./underway.ts";
import { Wholeness } from "./wholeness.ts";
import { steadyTime } from "../../system/clock.ts";

/**
 * After this many refusals in a row the destination is in doubt. A message from the other end of the list
 * decides: if the destination refuses that one too, the destination is at fault, not the messages.
 */
const IN_A_ROW = 3;

/** How many messages a probe retrieves, at most: a message that turns out to be known decides nothing. */
const PROBES = 3;

export class Deliveries {
  readonly #context: SessionContext;
  readonly #tally: Tally;
  readonly #failures: Failures;
  readonly #unlisted: Unlisted;
  readonly #underway: Underway;
  /** The messages that may be retrieved in this run. */
  readonly #wanted: readonly Retrieve[];
  /** The messages whose retrieval was tried. */
  readonly #tried: Set<Retrieve> = new Set();
  /** Of these: messages whose content shows that they failed in an earlier run. They come last. */
  readonly #putOff: Retrieve[] = [];
  /** Whether the messages of `#putOff` are being tried now. */
  #again = false;
  /** Refusals since the destination last took a message, and the last of them. */
  #inARow = 0;
  #lastRefusal: unknown;
  /** The destination counts as down because it refused several messages in a row. */
  #refusesAll = false;
  #abandoned = false;
  #stopped = false;
  #down: Error | undefined;

  constructor(
    context: SessionContext,
    tally: Tally,
    failures: Failures,
    unlisted: Unlisted,
    wanted: readonly Retrieve[],
  ) {
    this.#context = context;
    this.#tally = tally;
    this.#failures = failures;
    this.#unlisted = unlisted;
    this.#underway = new Underway(context.settings.destination.group);
    this.#wanted = wanted;
  }

  /** The number of messages that were not tried. */
  get left(): number {
    return this.#wanted.length - this.#tried.size;
  }

  /** Whether a message was requested with RETR or TOP, and not read to the end. */
  get abandoned(): boolean {
    return this.#abandoned;
  }

  /** Whether `stop` was aborted, or the time limit of the run has passed. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Why the destination is down, if it is. */
  get down(): Error | undefined {
    return this.#down;
  }

  /** Delivers as many messages as this session may. Rejects with the error that ended the session. */
  async run(): Promise<void> {
    const steps = this.#wanted.slice(0, this.#requestLimit());
    await this.#retrieve(steps.filter(({ what }) => what === "whole"));
    await this.#retrieve(steps.filter(({ what }) => what === "headers"));
    this.#again = true;
    for (const step of this.#putOff) this.#tried.delete(step);
    await this.#retrieve(this.#putOff);
  }

  /**
   * Returns whether the destination refused several messages in a row, and there are others that it was never
   * offered. This is not known of messages without a unique-id. Each failed run has offered one of them at
   * least, so after as many failed runs in a row as there are such messages, all count as offered.
   */
  hasUntried({ retrieve, left }: FetchPlan): boolean {
    if (!this.#refusesAll) return false;
    const untried = this.#untried();
    if (untried.some(({ id }) => id !== undefined)) return true;
    if (left > 0 && retrieve.every(isNew)) return true;
    return untried.length > (this.#context.ledger.state.failures ?? 0);
  }

  /**
   * Returns how many messages this session may request (`commitEvery`). Messages that are identified by their
   * content do not count, because they may be known already.
   */
  #requestLimit(): number {
    const { commitEvery } = this.#context.policy;
    let named = 0;
    const end = this.#wanted.findIndex(({ id }) => id !== undefined && ++named > commitEvery);
    return end === -1 ? this.#wanted.length : end;
  }

  /** Retrieves messages in order. Stops if the destination turns out to be at fault for its refusals. */
  async #retrieve(steps: readonly Retrieve[]): Promise<void> {
    for (let left = steps; ;) {
      const inDoubt = await this.#retrieveInOrder(left, IN_A_ROW);
      if (!inDoubt || this.#isOver() || this.#tally.hasEnough) return;
      await this.#probe();
      left = steps.filter((step) => !this.#tried.has(step));
    }
  }

  /**
   * Retrieves messages in order. Returns whether the destination has refused `patience` messages in a row.
   */
  async #retrieveInOrder(steps: readonly Retrieve[], patience: number): Promise<boolean> {
    const { oneByOne } = this.#context.task;
    const groups = oneByOne ? steps.map((step) => [step]) : [steps];
    for (const group of groups) await this.#retrieveGroup(group, patience);
    return this.#inARow >= patience;
  }

  /** Retrieves messages with one retrieval, which requests them ahead. */
  async #retrieveGroup(steps: readonly Retrieve[], patience: number): Promise<void> {
    const [first] = steps;
    if (first === undefined || this.#isOver()) return;
    const { client, deadline } = this.#context;
    const top = first.what === "headers" ? 0 : undefined;
    const messages = client.retrieve(
      steps.map(({ number }) => number),
      { top, signal: deadline.signal, totalTimeout: this.#messageTime },
    );
    const wholeness = new Wholeness(this.#context, messages);
    try {
      for (const step of steps) {
        await this.#waitBefore(step);
        // Messages were requested and will not be read. The server may hide them after QUIT: end without
        // QUIT.
        if (this.#isOver() || this.#inARow >= patience) {
          // If the time limit has passed, the retrieval has given up its requests already: `ahead` is 0.
          this.#abandoned ||= messages.ahead > 0 || deadline.passed;
          break;
        }
        if (this.#tally.hasEnough) messages.finish();
        const message = await this.#next(messages, step);
        if (message === undefined) break;
        this.#tried.add(step);
        wholeness.next();
        await this.#try(message, step, wholeness);
      }
    } catch (error) {
      // What the destination has received is delivered, whatever ended the session.
      await this.#settled().catch(() => undefined);
      throw error;
    } finally {
      // Removes the listener of the retrieval from the signal.
      await messages.return();
    }
    await this.#settled();
  }

  /**
   * Waits until the destination has finished enough of the messages before. A message without a name of its own
   * waits for all of them, because it may be the same as one of them. So does each message after a crash, so
   * that it is known which one is to blame if the process dies again.
   */
  async #waitBefore({ id, size = Infinity }: Retrieve): Promise<void> {
    const isAlone = id === undefined || this.#context.task.careful;
    if (isAlone || this.#tally.hasEnoughWith(this.#underway)) await this.#settled();
    else if (this.#underway.isFull(size)) await this.#keepingAlive(() => this.#underway.fits(size));
  }

  /** Waits for the results of all messages that the destination has received. */
  async #settled(): Promise<void> {
    if (this.#underway.messages > 0) await this.#keepingAlive(() => this.#underway.settled());
    else await this.#underway.settled();
  }

  #keepingAlive(work: () => Promise<void>): Promise<void> {
    return keepingAlive(this.#context.client, work);
  }

  /**
   * Tries a message that was never tried, from the other end of the list, because messages that are always
   * refused must not block the others. If the destination refuses it too, or there is no such message, the
   * destination is down.
   */
  async #probe(): Promise<void> {
    for (const step of this.#untried().slice(-PROBES).reverse()) {
      const before = this.#inARow;
      await this.#retrieveInOrder([step], Infinity);
      if (this.#inARow < before || this.#isOver()) return;
      if (this.#inARow > before) break;
    }
    this.#refusesAll = true;
    const why = reasonOf(this.#lastRefusal, this.#context);
    this.#down = new DestinationError(
      `the destination refused ${this.#inARow} messages in a row: ${printable(why)}`,
      { cause: this.#lastRefusal, down: true },
    );
  }

  #untried(): readonly Retrieve[] {
    return this.#wanted.filter((step) => isNew(step) && !this.#tried.has(step));
  }

  /**
   * Returns the next message; `undefined` if there is none, or if it took too long before it could be read.
   */
  async #next(messages: Pop3Retrieval, step: Retrieve): Promise<Pop3Message | undefined> {
    try {
      return (await messages.next()).value;
    } catch (error) {
      if (!isTooSlow(error, circumstancesOf(this.#context))) throw error;
      this.#tried.add(step);
      await this.#notDelivered(step, error);
      return undefined;
    }
  }

  async #try(message: Pop3Message, step: Retrieve, wholeness: Wholeness): Promise<void> {
    await this.#failures.blameBeforehand(step);
    let received: Received;
    try {
      const { settings, client } = this.#context;
      received = await traceMessage(settings, client.id, step, () =>
        deliver(message, step, this.#deliveryContext(step, wholeness)),
      );
    } catch (error) {
      this.#underway.add(0, () => this.#notDelivered(step, error));
      await this.#settled();
      return;
    }
    this.#underway.add(received.octets, () => this.#treat(step, received));
  }

  /** Waits for the result of a message, and notes it. */
  async #treat(step: Retrieve, { result }: Received): Promise<void> {
    let came: Awaited<Received["result"]>;
    try {
      came = await result;
    } catch (error) {
      await this.#notDelivered(step, error);
      return;
    }
    if ("leftAlone" in came) await this.#leftAlone(step, came);
    else if (await this.#tally.delivered(step, came)) this.#inARow = 0;
  }

  async #leftAlone(step: Retrieve, { leftAlone: skip, id }: LeftAlone): Promise<void> {
    this.#tally.see(id);
    if (skip === "comes last") {
      this.#putOff.push(step);
      return;
    }
    this.#context.report.skipped.push(skip);
    await tell(this.#context, { type: "skipped", ...skip });
  }

  /** Remembers an error that fails one message. Throws an error that ends the session. */
  async #notDelivered(step: Retrieve, thrown: unknown): Promise<void> {
    const verdict = blame(thrown, step, circumstancesOf(this.#context));
    switch (verdict.on) {
      case "message":
        this.#fail(verdict.failure);
        if (verdict.failure.by !== "destination") return;
        this.#inARow++;
        this.#lastRefusal = verdict.failure.cause;
        return;
      case "destination":
        this.#fail(verdict.failure);
        this.#down = verdict.down;
        return;
      case "caller":
        await this.#failures.takeBack(step);
        if (verdict.error !== undefined) throw verdict.error;
        this.#leaveForLater(step);
        return;
      case "server":
        await (verdict.suspect ? this.#failures.suspect(step, verdict.error) : this.#failures.takeBack(step));
        throw verdict.error;
      case "other run":
        throw verdict.error;
    }
  }

  #fail(failure: Failure): void {
    this.#failures.add(failure);
    // The name of a message that the destination was offered is known, and is not gone.
    if (failure.by === "destination" && failure.id !== undefined) this.#tally.see(failure.id);
  }

  /** Ends the run during a message. This is not its fault, so the next run tries it again. */
  #leaveForLater(step: Retrieve): void {
    this.#stopped = true;
    this.#abandoned = true;
    this.#tried.delete(step);
  }

  #isOver(): boolean {
    const { client, ledger, settings, task } = this.#context;
    this.#stopped ||= settings.stop?.aborted === true || steadyTime() >= task.until;
    const isSessionLost = client.state !== "transaction";
    return this.#stopped || isSessionLost || this.#down !== undefined || ledger.hasFailed;
  }

  /** How long the server may take for a message, in milliseconds. */
  get #messageTime(): number {
    return this.#context.policy.limits.messageSeconds * 1000;
  }

  #deliveryContext(step: Retrieve, wholeness: Wholeness): DeliveryContext {
    const { number, size } = step;
    const { client, deadline, ledger, policy, settings } = this.#context;
    const { mailbox, destination, signal } = settings;
    return {
      client,
      mailbox,
      keyName: ledger.held.keyName ?? mailbox,
      destination,
      signal,
      policy,
      entries: ledger.entries,
      ledger: ledger.held,
      entryFor: (id, headers) => this.#tally.entryFor(step, id, headers),
      server: { signal: deadline.signal, totalTimeout: this.#messageTime },
      again: this.#again,
      confirm: () => ledger.confirm(),
      ensureWhole: () => wholeness.ensure(step),
      unlisted: this.#unlisted,
      progress: (received) => tell(this.#context, { type: "progress", number, received, size }),
    };
  }
}

/** Returns whether the destination was never offered the message, as far as the ledger knows. */
function isNew({ before }: Retrieve): boolean {
  return before === undefined || !hasFailed(before);
}
