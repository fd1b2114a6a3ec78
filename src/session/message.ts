// One message of the maildrop, and the RETR or TOP that brings it: sent when somebody wants it, or ahead of that.
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

/** What a message of unknown size counts against the window; octets. */
const ASSUMED_SIZE = 64 * 1024;
/** What the beginning of a message is taken to have, for TOP: headers, and each line behind them; octets. */
const ASSUMED_HEADERS = 16 * 1024;
const ASSUMED_LINE = 80;

/** A message of `retrieve()`. It is taken once: as a Buffer, or as a stream. */
export interface Pop3Message extends AsyncIterable<Buffer> {
  readonly number: number;
  /** The unique-id, where the server gave one. */
  readonly uid: string | undefined;
  /** The size in octets that LIST announced. Servers may estimate it. */
  readonly size: number | undefined;
  /** All octets in one Buffer. Rejects with `POP3_REFUSED` when the message is gone, and as `retr` does. */
  buffer(): Promise<Buffer>;
  /** The octets as they come. An error destroys it: a message that is cut short never ends. */
  stream(): Readable;
}

export interface MessageOptions {
  /** TOP with so many lines of the body, in place of RETR. */
  readonly top?: number | undefined;
  /** Ends it for whoever has claimed it. */
  readonly signal?: AbortSignal | undefined;
  /** How long the response may take. @default `timeouts.total` for one Buffer, no bound for a stream */
  readonly total?: Total | undefined;
  /** Octets that lie there and nobody has claimed; returns whether there is room for more. */
  readonly collected?: (octets: number) => boolean;
}

/** What a message counts against the window. */
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

  /** Whether all of it has come. */
  get complete(): boolean {
    return this.#body.complete;
  }

  buffer(): Promise<Buffer> {
    const { message } = this.#session.settings.limits;
    // Known beforehand: nothing is sent, and the session need not end over it.
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

  /** Sends the command ahead of need: the message is not claimed yet. */
  request(): void {
    this.#submit(true, this.#options.total ?? NO_TOTAL);
  }

  #submit(ahead: boolean, total: Total | undefined): void {
    const command = this.#command;
    const octets = announcedOctets(this.size, this.#options.top);
    this.#exchange = new Exchange<void>(command, this, { octets, ahead, total });
    // The usual case passes without a look at the command: there may be a hundred thousand of them.
    if (this.#session.state !== "transaction" || this.#session.occupied) {
      try {
        this.#session.check(command.printable);
      } catch (error) {
        this.#exchange.reject(error as Pop3Error);
        return;
      }
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

  /** Nobody claims it any more. What was claimed goes on. */
  leave(error: () => Pop3Error): void {
    this.#body.leave(error);
  }

  /** Ends it for whoever claimed it, too. */
  abort(error: Pop3Error): void {
    this.#body.fail(error);
    this.dropped(error);
  }

  // What became of its exchange.

  resolve(): void {
    this.#unsubscribe?.();
  }

  reject(error: Pop3Error): void {
    this.#unsubscribe?.();
    this.#body.fail(error);
  }

  // What its body needs.

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
