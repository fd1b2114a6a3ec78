// Retrieves many messages, in order and pipelined. The window limits the commands sent ahead, and also the
// memory for messages that arrive before the caller claims them.
import { Pop3AbortError, Pop3Error, Pop3ReplyError } from "../errors.ts";
import { callerOf, seenFrom, type Caller } from "./caller.ts";
import { Message, type Pop3Message } from "./message.ts";
import { announcedOctets } from "./message-size.ts";
import { Reception, type ReceptionOptions } from "./reception.ts";
import { onAbort } from "../net/abort.ts";
import { isContentError, throwIfAborted } from "../net/failures.ts";
import type { Window } from "../net/pipeline.ts";
import { Queue } from "../net/queue.ts";
import { untilAborted } from "../net/settle.ts";
import { checkCallOptions, RESPONSE, type CallOptions, type NamesOf } from "../options/call.ts";
import { totalOfCall } from "../options/total-timeout.ts";
import { argumentError, shown } from "../options/checks.ts";
import type { Duration } from "../options/duration.ts";
import { DEFAULT_WINDOW } from "../options/client.ts";
import { bare } from "../protocol/commands.ts";
import { messageNumber } from "../protocol/message-number.ts";
import { hasNoValues } from "../protocol/malformed-line.ts";
import type { Session } from "./session.ts";
import type { Transaction } from "./transaction.ts";

/** The least number of messages for which a LIST pays: with their sizes the window can be filled. */
const WORTH_LISTING = 8;

/** The length of a RETR with a message number of five digits; octets. */
const COMMAND_OCTETS = 12;

/** Options of {@link Pop3Client.retrieve}. */
export interface RetrieveOptions extends CallOptions {
  /** Retrieves only the headers and this number of lines of each body (TOP). */
  readonly top?: number | undefined;
  /**
   * Retrieves only the messages with these unique-ids, in the order of the maildrop. Unique-ids that the server does not
   * list are skipped. Rejects with `POP3_REFUSED` if the server refuses UIDL. Not together with numbers or `newest`.
   */
  readonly uids?: Iterable<string> | undefined;
  /**
   * Retrieves only this number of messages from the end of the maildrop, where the newest are, oldest of them first. Not
   * together with numbers or `uids`.
   */
  readonly newest?: number | undefined;
  /** Ends the loop, and all its messages that are claimed and incomplete, with `POP3_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The longest time for each message, in milliseconds. The clock starts when the replies to all earlier
   * commands are complete. It stops while you do not read. After that time the session ends with
   * `POP3_TOTAL_TIMEOUT`. `Infinity`: no limit.
   * @default `timeouts.total` for `buffer()`, `Infinity` for a stream
   */
  readonly totalTimeout?: Duration | undefined;
}

const RETRIEVE: NamesOf<RetrieveOptions> = { ...RESPONSE, top: true, uids: true, newest: true };

/** The result of `retrieve()`. Use it in a `for await` loop, or call `next()` for each message. */
export interface Pop3Retrieval extends AsyncIterator<Pop3Message, undefined, undefined> {
  /** Returns the next message. What was not taken of the message before it is skipped. */
  next(): Promise<IteratorResult<Pop3Message, undefined>>;
  /** Ends the loop. Messages that were requested ahead are dropped. A `for await` loop calls it when it is left early. */
  return(): Promise<IteratorResult<Pop3Message, undefined>>;
  /** Stops requesting messages. The loop still gives those that were requested ahead, and then ends. */
  finish(): void;
  /** The number of messages that were requested ahead and that the loop has not given yet. */
  readonly ahead: number;
  /** Returns this object. */
  [Symbol.asyncIterator](): this;
}

export class Retrieval implements Pop3Retrieval {
  readonly #transaction: Transaction;
  readonly #session: Session;
  readonly #wished: readonly number[] | undefined;
  readonly #uids: ReadonlySet<string> | undefined;
  readonly #newest: number | undefined;
  readonly #top: number | undefined;
  readonly #signal: AbortSignal | undefined;
  #numbers: readonly number[] = [];
  #at = 0;
  #prepared: Promise<void> | undefined;
  #ready = false;
  readonly #ahead = new Queue<Reception>();
  /** One object, shared by all messages: there may be many. */
  readonly #options: ReceptionOptions;
  /** The call of `retrieve()`: captured once, for all messages of the loop. */
  readonly #caller: Caller;
  #current: Reception | undefined;
  /** Octets that count against the window: from the current message to the last one requested. */
  #octets = 0;
  #count = 0;
  /**
   * A message too large for the window or memory. It is requested when claimed, and blocks later messages.
   */
  #large: Reception | undefined;
  /** Octets that arrived and are not claimed yet. */
  #collected = 0;
  #ended = false;
  #finishing = false;
  #failure: Pop3Error | undefined;
  #unsubscribe: (() => void) | undefined;

  /** Nothing is sent before the first `next`. Throws `POP3_INVALID_ARGUMENT`. */
  constructor(
    transaction: Transaction,
    numbers: Iterable<number> | undefined,
    options: RetrieveOptions | undefined,
  ) {
    const { top, uids, newest, signal, totalTimeout } = checkCallOptions(options, RETRIEVE);
    checkChoice(numbers, uids, newest);
    this.#transaction = transaction;
    this.#session = transaction.session;
    this.#wished = numbers === undefined ? undefined : [...numbers];
    this.#uids = uids === undefined ? undefined : new Set(uids);
    this.#newest = newest;
    this.#top = top;
    this.#signal = signal;
    this.#caller = callerOf(Retrieval);
    this.#options = {
      top,
      signal,
      totalTimeout,
      caller: this.#caller,
      collected: this.#collect,
      mayExceed: this.#mayExceed,
    };
    totalOfCall(totalTimeout); // throws now, not at each message
    this.#wished?.forEach(messageNumber);
    if (top !== undefined && !(Number.isSafeInteger(top) && top >= 0))
      throw argumentError(`options.top must be an integer >= 0: the number of lines (got ${shown(top)})`);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Pop3Message, undefined>> {
    if (this.#ready) return this.#step();
    this.#prepared ??= this.#prepare().catch((error: unknown) => {
      throw seenFrom(error, this.#caller);
    });
    return this.#prepared.then(() => this.#step());
  }

  /** Leaves the loop: drops all messages that are not claimed. */
  return(): Promise<IteratorResult<Pop3Message, undefined>> {
    this.#finish(pass);
    return Promise.resolve({ done: true, value: undefined });
  }

  get ahead(): number {
    // A message that is too large for the window is the last in the queue, and was not requested.
    return this.#ahead.length - (this.#large === undefined || this.#large === this.#current ? 0 : 1);
  }

  finish(): void {
    this.#finishing = true;
    this.#at = this.#numbers.length;
  }

  /** Determines the messages to retrieve: those that the caller named, or all that are not marked. */
  async #prepare(): Promise<void> {
    const signal = this.#signal;
    const transaction = this.#transaction;
    this.#session.check(bare(this.#top === undefined ? "RETR" : "TOP"));
    throwIfAborted(signal);
    if (this.#wished === undefined) {
      const { marking } = transaction;
      if (marking !== undefined) await untilAborted(signal, () => marking);
      const failures = await Promise.all([
        this.#list().catch(this.#withoutValues("LIST")),
        (this.#uids === undefined ? this.#listUids() : this.#needUids()).catch(this.#withoutValues("UIDL")),
      ]);
      const { listed } = transaction;
      const failure = failures.find((error) => error !== undefined);
      if (listed.length === 0 && failure !== undefined) throw failure;
      this.#numbers = this.#chosen(listed.filter((n) => !transaction.marked.has(n)));
    } else {
      if (this.#wished.length >= WORTH_LISTING) await this.#list().catch(tolerate);
      this.#numbers = this.#wished;
    }
    if (this.#finishing) this.#numbers = [];
    if (this.#ended) return;
    throwIfAborted(signal);
    this.#unsubscribe = onAbort(signal, this.#onAbort);
    this.#ready = true;
  }

  /** Returns those of the messages that the options name. */
  #chosen(numbers: readonly number[]): readonly number[] {
    if (this.#newest !== undefined) return this.#newest === 0 ? [] : numbers.slice(-this.#newest);
    const wished = this.#uids;
    if (wished === undefined) return numbers;
    const { uids } = this.#transaction;
    return numbers.filter((number) => wished.has(uids?.get(number) ?? ""));
  }

  /** UIDL, unless it was sent before. Rejects if the server refuses it. */
  async #needUids(): Promise<void> {
    if (this.#transaction.uids === undefined) await this.#transaction.uidl(this.#signal);
  }

  /** Tolerates a listing that failed because all of its lines are malformed; rethrows other errors. */
  #withoutValues(command: "LIST" | "UIDL"): (error: unknown) => Pop3Error {
    return (error) => {
      const lenient = this.#session.settings.listings === "lenient";
      if (lenient && hasNoValues(error, this.#transaction.malformed, command)) return error;
      throw error;
    };
  }

  async #list(): Promise<void> {
    if (this.#transaction.sizes === undefined) await this.#transaction.list(this.#signal);
  }

  async #listUids(): Promise<void> {
    if (this.#transaction.uids !== undefined) return;
    try {
      await this.#transaction.uidl(this.#signal);
    } catch (error) {
      // Without UIDL the messages can still be retrieved. But if the server has unique-ids and only refuses
      // them now, the caller would take every message for a new one.
      if (!(error instanceof Pop3ReplyError) || error.temporary || this.#session.capabilities.uidl)
        throw error;
    }
  }

  #step(): Promise<IteratorResult<Pop3Message, undefined>> {
    if (this.#failure !== undefined) return Promise.reject(seenFrom(this.#failure, this.#caller));
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    this.#pass();
    this.#fill();
    const message = this.#finishing && this.ahead === 0 ? undefined : this.#ahead.shift();
    const lost = this.#session.failure;
    if (lost !== undefined && message !== undefined && !message.complete) {
      this.#finish((left) => {
        left.leave(() => lost);
      });
      return Promise.reject(seenFrom(lost.forCommand(`RETR ${String(message.number)}`), this.#caller));
    }
    if (message === undefined) return this.return();
    this.#current = message;
    return Promise.resolve({ done: false, value: new Message(this.#transaction, message) });
  }

  /** The loop moves on from the current message. If it is unclaimed, it is dropped. */
  #pass(): void {
    const message = this.#current;
    if (message === undefined) return;
    this.#current = undefined;
    pass(message);
    if (message === this.#large) this.#large = undefined;
    else {
      this.#octets -= announcedOctets(message.size, this.#top);
      this.#count--;
    }
  }

  #fill(): void {
    const window = this.#window;
    const { limits } = this.#session.settings;
    const most = this.#session.pipelinesMessages
      ? Math.max(1, Math.floor(window.commandOctets / COMMAND_OCTETS))
      : 2;
    // Refill the window only when half of it is free, so that commands are sent in batches.
    if (this.#octets * 2 > window.octets || (most > 2 && this.#count * 2 > most)) return;
    while (this.#at < this.#numbers.length && this.#large === undefined) {
      const message = new Reception(this.#transaction, this.#numbers[this.#at] as number, this.#options);
      const octets = announcedOctets(message.size, this.#top);
      const whole = this.#top === undefined ? (message.size ?? 0) : 0;
      if (octets > window.octets || whole > limits.message) this.#large = message;
      else {
        if (this.#count > 0 && (this.#octets + octets > window.octets || this.#count >= most)) return;
        this.#octets += octets;
        this.#count++;
        message.request();
      }
      this.#ahead.push(message);
      this.#at++;
    }
  }

  get #window(): Window {
    return this.#session.settings.window ?? DEFAULT_WINDOW;
  }

  readonly #collect = (octets: number): boolean => {
    this.#collected += octets;
    const room = this.#collected <= this.#window.octets;
    if (octets < 0 && room) this.#session.connection.resume(true);
    return room;
  };

  /** A server that announces too small sizes must not fill the memory. */
  readonly #mayExceed = (): boolean =>
    this.#collected <= Math.max(this.#window.octets, this.#session.settings.limits.message);

  readonly #onAbort = (): void => {
    const failure = new Pop3AbortError(this.#signal?.reason);
    this.#failure = failure;
    // A claimed message listens to the signal itself.
    this.#finish((message) => {
      message.leave(() => failure);
    });
  };

  #finish(release: (message: Reception) => void): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#ready = true;
    this.#unsubscribe?.();
    if (this.#current !== undefined) release(this.#current);
    this.#current = undefined;
    for (let next = this.#ahead.shift(); next !== undefined; next = this.#ahead.shift()) release(next);
  }
}

/** Tolerates refusals and malformed replies: if the caller named the messages, sizes are optional. */
function tolerate(error: unknown): void {
  if (!(error instanceof Pop3ReplyError) && !isContentError(error)) throw error;
}

/** Throws if it is not clear which messages are meant. */
function checkChoice(numbers: unknown, uids: unknown, newest: unknown): void {
  if (newest !== undefined && !(Number.isSafeInteger(newest) && (newest as number) >= 0))
    throw argumentError(
      `options.newest must be an integer >= 0: the number of messages (got ${shown(newest)})`,
    );
  const isList = typeof uids === "object" && uids !== null && Symbol.iterator in uids;
  if (
    uids !== undefined &&
    (!isList || [...(uids as Iterable<unknown>)].some((uid) => typeof uid !== "string" || uid === ""))
  )
    throw argumentError(`options.uids must be an iterable of non-empty strings (got ${shown(uids)})`);
  if ([numbers, uids, newest].filter((given) => given !== undefined).length > 1)
    throw argumentError(
      "retrieve() takes either numbers, options.uids or options.newest, and not two of them",
    );
}

/** Drops a message that is not claimed: the loop continues or ends. */
function pass(message: Reception): void {
  message.leave(
    () =>
      new Pop3Error(
        "POP3_MESSAGE_PASSED",
        `message ${message.number} was passed by the loop: call buffer() or stream() before the loop continues or ends`,
      ),
  );
}
