// Many messages, in order and pipelined: commands go out ahead of need as far as the window allows, and what
// comes before anybody asks for it is held within the same bound.
import { Pop3AbortError, Pop3Error, Pop3ReplyError } from "../errors.ts";
import { announcedOctets, Message, type MessageOptions, type Pop3Message } from "./message.ts";
import { onAbort } from "../net/abort.ts";
import { isContentError, throwIfAborted } from "../net/failures.ts";
import type { Window } from "../net/pipeline.ts";
import { totalOfCall } from "../net/deadlines.ts";
import { Queue } from "../net/queue.ts";
import { DEFAULT_WINDOW } from "../options/client.ts";
import { isMessageNumber } from "../protocol/listing-fields.ts";
import { hasNoValues } from "../protocol/malformed-line.ts";
import type { Session } from "./session.ts";
import type { Transaction } from "./transaction.ts";

/** From so many messages on, a LIST for their sizes pays: it lets the window be used to its full. */
const WORTH_LISTING = 8;

/** A RETR with a message number of five digits; octets. */
const COMMAND_OCTETS = 12;

export interface RetrieveOptions {
  /** Only the headers and so many lines of each body (TOP). */
  readonly top?: number | undefined;
  /** Ends the loop, and every message of it that was claimed, with `POP3_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long each message may take, in milliseconds, from the time when its turn has come; the time in which you do not
   * read does not count. Then the session ends with `POP3_TOTAL_TIMEOUT`. `Infinity`: no bound.
   * @default `timeouts.total` for `buffer()`, `Infinity` for a stream
   */
  readonly totalTimeout?: number | undefined;
}

/** What `retrieve()` gives: for a `for await` loop, or to be asked for one message after another. */
export interface Pop3Retrieval extends AsyncIterator<Pop3Message, undefined, undefined> {
  next(): Promise<IteratorResult<Pop3Message, undefined>>;
  return(): Promise<IteratorResult<Pop3Message, undefined>>;
  /** Asks for nothing more: what was asked for ahead of need still comes, and then the loop ends. */
  finish(): void;
  /** How many messages were asked for ahead of need, and are yet to be given. */
  readonly ahead: number;
  [Symbol.asyncIterator](): this;
}

export class Retrieval implements Pop3Retrieval {
  readonly #transaction: Transaction;
  readonly #session: Session;
  readonly #wished: readonly number[] | undefined;
  readonly #top: number | undefined;
  readonly #signal: AbortSignal | undefined;
  #numbers: readonly number[] = [];
  #at = 0;
  #prepared: Promise<void> | undefined;
  #ready = false;
  readonly #ahead = new Queue<Message>();
  /** One object for all messages: there may be many. */
  readonly #options: MessageOptions;
  #current: Message | undefined;
  /** What the messages from the current one to the last that was asked for count against the window. */
  #octets = 0;
  #count = 0;
  /** A message too large for the window, or for memory, is asked for when it is claimed, and nothing behind it before. */
  #large: Message | undefined;
  /** Octets that came and nobody has claimed. */
  #collected = 0;
  #over = false;
  #finishing = false;
  #failure: Pop3Error | undefined;
  #unsubscribe: (() => void) | undefined;

  /** Nothing is sent before the first `next`. Throws `POP3_INVALID_ARGUMENT`. */
  constructor(
    transaction: Transaction,
    numbers: Iterable<number> | undefined,
    { top, signal, totalTimeout }: RetrieveOptions,
  ) {
    this.#transaction = transaction;
    this.#session = transaction.session;
    this.#wished = numbers === undefined ? undefined : [...numbers];
    this.#top = top;
    this.#signal = signal;
    this.#options = { top, signal, total: totalOfCall(totalTimeout), collected: this.#collect };
    if (this.#wished?.every(isMessageNumber) === false) {
      throw new Pop3Error("POP3_INVALID_ARGUMENT", "a message number is an integer from 1 on");
    }
    if (top !== undefined && !(Number.isSafeInteger(top) && top >= 0)) {
      throw new Pop3Error("POP3_INVALID_ARGUMENT", "the number of lines is an integer from 0 on");
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Pop3Message, undefined>> {
    if (this.#ready) return this.#step();
    this.#prepared ??= this.#prepare();
    return this.#prepared.then(() => this.#step());
  }

  /** Leaves: what nobody has claimed is given up. */
  return(): Promise<IteratorResult<Pop3Message, undefined>> {
    this.#finish((message) => {
      message.leave(leftError);
    });
    return Promise.resolve({ done: true, value: undefined });
  }

  get ahead(): number {
    // The one that is too large for the window was not asked for: it is the last.
    return this.#ahead.length - (this.#large === undefined || this.#large === this.#current ? 0 : 1);
  }

  finish(): void {
    this.#finishing = true;
    this.#at = this.#numbers.length;
  }

  /** Learns what there is to retrieve: all that is not marked, unless the caller said it. */
  async #prepare(): Promise<void> {
    const signal = this.#signal;
    const transaction = this.#transaction;
    this.#session.check(this.#top === undefined ? "RETR" : "TOP");
    throwIfAborted(signal);
    if (this.#wished === undefined) {
      const failures = await Promise.all([
        this.#list().catch(this.#withoutValues("LIST")),
        this.#listUids().catch(this.#withoutValues("UIDL")),
      ]);
      const { listed } = transaction;
      const failure = failures.find((error) => error !== undefined);
      if (listed.length === 0 && failure !== undefined) throw failure;
      this.#numbers = listed.filter((n) => !transaction.marked.has(n));
    } else {
      if (this.#wished.length >= WORTH_LISTING) await this.#list().catch(tolerate);
      this.#numbers = this.#wished;
    }
    if (this.#finishing) this.#numbers = [];
    if (this.#over) return;
    throwIfAborted(signal);
    if (signal !== undefined) this.#unsubscribe = onAbort(signal, this.#onAbort);
    this.#ready = true;
  }

  /** Passes over a listing that failed only because it has no value for any of its messages, and throws all else. */
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
      // A server that knows no UIDL has messages all the same; one that does not list it may know it. But where there are
      // unique-ids, and not for now, every message would be taken for a new one.
      if (!(error instanceof Pop3ReplyError) || error.temporary || this.#session.capabilities.uidl)
        throw error;
    }
  }

  #step(): Promise<IteratorResult<Pop3Message, undefined>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    this.#pass();
    this.#fill();
    const message = this.#finishing && this.ahead === 0 ? undefined : this.#ahead.shift();
    const lost = this.#session.failure;
    if (lost !== undefined && message !== undefined && !message.complete) {
      this.#finish((left) => {
        left.leave(() => lost);
      });
      return Promise.reject(lost.forCommand(`RETR ${String(message.number)}`));
    }
    if (message === undefined) return this.return();
    this.#current = message;
    return Promise.resolve({ done: false, value: message });
  }

  /** The loop has gone past a message: unclaimed, it is not wanted. */
  #pass(): void {
    const message = this.#current;
    if (message === undefined) return;
    this.#current = undefined;
    message.leave(leftError);
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
    // Refilled when half of it is used up, so that commands go out in batches.
    if (this.#octets * 2 > window.octets || (most > 2 && this.#count * 2 > most)) return;
    while (this.#at < this.#numbers.length && this.#large === undefined) {
      const message = new Message(this.#transaction, this.#numbers[this.#at] as number, this.#options);
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

  readonly #onAbort = (): void => {
    const failure = new Pop3AbortError(this.#signal?.reason);
    this.#failure = failure;
    // What was claimed hears the signal for itself.
    this.#finish((message) => {
      message.leave(() => failure);
    });
  };

  #finish(release: (message: Message) => void): void {
    if (this.#over) return;
    this.#over = true;
    this.#ready = true;
    this.#unsubscribe?.();
    if (this.#current !== undefined) release(this.#current);
    this.#current = undefined;
    for (let next = this.#ahead.shift(); next !== undefined; next = this.#ahead.shift()) release(next);
  }
}

/** The sizes of messages that were wished for by number are a help, and nothing depends on them. */
function tolerate(error: unknown): void {
  if (!(error instanceof Pop3ReplyError) && !isContentError(error)) throw error;
}

function leftError(): Pop3AbortError {
  return new Pop3AbortError(new Error("the loop went on without the message"));
}
