// One message of the maildrop and its RETR or TOP, which is sent when the caller claims the message, or
// before.
import type { Readable } from "node:stream";
import type { Pop3Error } from "../errors.ts";
import { onAbort } from "../net/abort.ts";
import { Exchange, type Waiter } from "../net/exchange.ts";
import { aborted } from "../net/failures.ts";
import { MessageBody, type BodyOwner } from "./message-body.ts";
import { NO_TOTAL } from "../net/deadlines.ts";
import type { Total } from "../net/deadline-timer.ts";
import * as commands from "../protocol/commands.ts";
import type { BlockCommand } from "../protocol/commands.ts";
import { messageKnownTooLarge } from "../protocol/message-buffer.ts";
import { MixedReplies } from "../protocol/mixed-replies.ts";
import type { Transaction } from "./transaction.ts";
import type { Session } from "./session.ts";

/** The size that is assumed for a message of unknown size, to count it against the window; octets. */
const ASSUMED_SIZE = 64 * 1024;
/** The sizes that are assumed for TOP: the headers, and each line of the body; octets. */
const ASSUMED_HEADERS = 16 * 1024;
const ASSUMED_LINE = 80;

/** A message of `retrieve()`. Take it once: as a Buffer or as a stream. */
export interface Pop3Message extends AsyncIterable<Buffer> {
  readonly number: number;
  /** The unique-id; `undefined` if the server gave none. */
  readonly uid: string | undefined;
  /** The size in bytes that LIST announced. Some servers only estimate it. */
  readonly size: number | undefined;
  /**
   * Returns the message in one Buffer. Rejects as {@link Pop3Client.retr} does, with `POP3_REFUSED` if the
   * message is gone.
   */
  buffer(): Promise<Buffer>;
  /** Returns the message as a stream. An error destroys the stream: a truncated message never emits `end`. */
  stream(): Readable;
}

export interface MessageOptions {
  /** Number of lines of the body for TOP; `undefined`: RETR. */
  readonly top?: number | undefined;
  /** Cancels the message after it was claimed. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The longest time for the whole response. @default `timeouts.total` for one Buffer, no limit for a stream
   */
  readonly total?: Total | undefined;
  /** Counts `octets` more unclaimed bytes; fewer if negative. Returns whether more may be collected. */
  readonly collected?: (octets: number) => boolean;
}

/** Returns the octets that a message counts against the window. */
export function announcedOctets(size: number | undefined, top?: number): number {
  const whole = size ?? ASSUMED_SIZE;
  return top === undefined ? whole : Math.min(whole, ASSUMED_HEADERS + top * ASSUMED_LINE);
}

export class Message implements Pop3Message, BodyOwner, Waiter<void> {
  readonly number: number;
  readonly uid: string | undefined;
  readonly size: number | undefined;
  readonly #session: Session;
  readonly #options: MessageOptions;
  readonly #body: MessageBody;
  #exchange: Exchange<void> | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(transaction: Transaction, number: number, options: MessageOptions = {}) {
    const { session } = transaction;
    this.#session = session;
    this.#options = options;
    this.number = number;
    this.uid = transaction.uids?.get(number);
    this.size = transaction.sizes?.get(number);
    this.#body = new MessageBody(
      this,
      session.settings.limits.message,
      options.top === undefined ? (this.size ?? 0) : 0,
    );
  }

  /** Whether the whole message has arrived. */
  get complete(): boolean {
    return this.#body.complete;
  }

  buffer(): Promise<Buffer> {
    const { message } = this.#session.settings.limits;
    // The announced size is too large. Reject before sending: an error in the middle would end the session.
    if (this.#exchange === undefined && this.#options.top === undefined && (this.size ?? 0) > message) {
      return Promise.reject(messageKnownTooLarge(message, this.#command.printable));
    }
    return this.#body.buffer();
  }

  stream(): Readable {
    return this.#body.stream();
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return this.stream()[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** Sends the command ahead: the message is not claimed yet. */
  request(): void {
    this.#submit(true, this.#options.total ?? NO_TOTAL);
  }

  #submit(ahead: boolean, total: Total | undefined): void {
    const command = this.#command;
    const octets = announcedOctets(this.size, this.#options.top);
    this.#exchange = new Exchange<void>(command, this, { octets, ahead, total });
    try {
      this.#session.check(command);
    } catch (error) {
      this.#exchange.reject(error as Pop3Error);
      return;
    }
    this.#session.connection.submit(this.#exchange);
  }

  get #command(): BlockCommand<void> {
    const { top } = this.#options;
    const body = this.#body;
    if (top !== undefined) return commands.top(this.number, top, () => body);
    return commands.retr(this.number, (line) => {
      body.mixed = new MixedReplies(line, this.size);
      return body;
    });
  }

  /** Drops the message if it is unclaimed. A claimed message continues. */
  leave(error: () => Pop3Error): void {
    this.#body.leave(error);
  }

  /** Cancels the message, even if it is claimed. */
  abort(error: Pop3Error): void {
    this.#body.fail(error);
    this.dropped(error);
  }

  // Waiter: the result of the exchange.

  resolve(): void {
    this.#unsubscribe?.();
  }

  reject(error: Pop3Error): void {
    this.#unsubscribe?.();
    this.#body.fail(error);
  }

  // BodyOwner: calls from the body.

  claimed(use: "buffer" | "stream"): void {
    const { signal } = this.#options;
    if (signal !== undefined) {
      if (signal.aborted) {
        this.abort(aborted(signal, this.#command.printable));
        return;
      }
      this.#unsubscribe = onAbort(signal, () => this.abort(aborted(signal, this.#command.printable)));
    }
    const total = this.#options.total ?? (use === "stream" ? NO_TOTAL : undefined);
    if (this.#exchange === undefined) this.#submit(false, total);
    else this.#session.connection.want(this.#exchange, total);
  }

  resumed(): void {
    this.#session.connection.resume();
  }

  dropped(error: Pop3Error): void {
    this.#unsubscribe?.();
    if (this.#exchange !== undefined) this.#session.connection.abandon(this.#exchange, error);
  }

  collected(octets: number): boolean {
    return this.#options.collected?.(octets) ?? true;
  }
}
