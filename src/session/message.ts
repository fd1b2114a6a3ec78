// One message of the maildrop and its RETR or TOP, which is sent when the caller claims the message, or
// before.
import type { Duration } from "../options/duration.ts";
import { totalOfCall } from "../options/total-timeout.ts";
import type { Readable } from "node:stream";
import { inSession, type Pop3Error } from "../errors.ts";
import { onAbort } from "../net/abort.ts";
import { Exchange, type Waiter } from "../net/exchange.ts";
import { aborted, throwIfAborted } from "../net/failures.ts";
import { call, type Caller } from "./caller.ts";
import { CALL, type CallOptions } from "../options/call.ts";
import { MessageBody, messageKnownTooLarge, type BodyOwner } from "./message-body.ts";
import { NO_TOTAL } from "../net/deadlines.ts";
import type { Total } from "../net/deadline-timer.ts";
import * as commands from "../protocol/commands.ts";
import type { BlockCommand, Command } from "../protocol/commands.ts";
import { MixedReplies } from "../protocol/mixed-replies.ts";
import type { Session } from "./session.ts";

/** The size that is assumed for a message of unknown size, to count it against the window; octets. */
const ASSUMED_SIZE = 64 * 1024;
/** The sizes that are assumed for TOP: the headers, and each line of the body; octets. */
const ASSUMED_HEADERS = 16 * 1024;
const ASSUMED_LINE = 80;

/**
 * A message of `retrieve()`. Take it once: as a Buffer, as a stream, or with a `for await` loop over its chunks,
 * which is the fastest way to read a large message.
 */
export interface Pop3Message extends AsyncIterable<Buffer> {
  /** The message number in this session. */
  readonly number: number;
  /** The unique-id; `undefined` if the server gave none. */
  readonly uid: string | undefined;
  /** The size in bytes that LIST announced. Some servers only estimate it. */
  readonly size: number | undefined;
  /**
   * Returns the message in one Buffer. Rejects as {@link Pop3Client.retr} does, with `POP3_REFUSED` if the
   * message is gone, and with `POP3_MESSAGE_PASSED` if the loop has continued or ended.
   */
  buffer(): Promise<Buffer>;
  /**
   * Returns the message as a stream. An error destroys the stream: a truncated message never emits `end`.
   * Throws `POP3_STATE` after `buffer()`, as `buffer()` rejects after `stream()`.
   */
  stream(): Readable;
  /**
   * DELE: marks the message; {@link Pop3Client.quit} deletes it. Call it when the message is stored. Rejects as
   * {@link Pop3Client.dele} does.
   */
  dele(options?: CallOptions): Promise<void>;
}

export interface MessageOptions {
  /** Number of lines of the body for TOP; `undefined`: RETR. */
  readonly top?: number | undefined;
  /** Cancels the message after it was claimed. */
  readonly signal?: AbortSignal | undefined;
  /** In milliseconds. @default `timeouts.total` for one Buffer, no limit for a stream */
  readonly totalTimeout?: Duration | undefined;
  /** The place in the program that asked for the message. */
  readonly caller?: Caller | undefined;
  /** Counts `octets` more unclaimed bytes; fewer if negative. Returns whether more may be collected. */
  readonly collected?: (octets: number) => boolean;
  /** Marks the message with this number as deleted. */
  readonly dele?: (message: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** Where a message comes from, and what its listings say. */
export interface Maildrop {
  readonly session: Session;
  /** The sizes in octets; `undefined` before LIST. */
  readonly sizes: ReadonlyMap<number, number> | undefined;
  /** The unique-ids; `undefined` before UIDL. */
  readonly uids: ReadonlyMap<number, string> | undefined;
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

  /** Wrong arguments fail the message when it is claimed. */
  constructor({ session, sizes, uids }: Maildrop, number: number, options: MessageOptions = {}) {
    this.#session = session;
    this.#options = options;
    this.number = number;
    this.uid = uids?.get(number);
    this.size = sizes?.get(number);
    this.#body = new MessageBody(
      this,
      session.settings.limits.message,
      options.top === undefined ? (this.size ?? 0) : 0,
      options.caller,
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

  dele(options?: CallOptions): Promise<void> {
    return call(options, CALL, ({ signal }) => this.#options.dele?.(this.number, signal), this.#session.id);
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return this.#body.chunks();
  }

  /** Sends the command ahead: the message is not claimed yet. */
  request(): void {
    try {
      const command = this.#command;
      this.#session.check(command);
      this.#submit(command, true, totalOfCall(this.#options.totalTimeout) ?? NO_TOTAL);
    } catch (error) {
      this.abort(error as Pop3Error);
    }
  }

  #submit(command: Command<void>, ahead: boolean, total: Total | undefined): void {
    const octets = announcedOctets(this.size, this.#options.top);
    this.#exchange = new Exchange<void>(command, this, { octets, ahead, total });
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
    this.#body.leave(() => inSession(error(), this.#session.id));
  }

  /** Cancels the message, even if it is claimed. */
  abort(error: Pop3Error): void {
    this.#body.fail(inSession(error, this.#session.id));
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
    const { signal, totalTimeout } = this.#options;
    const sent = this.#exchange;
    try {
      const command = sent?.command ?? this.#command;
      const total = totalOfCall(totalTimeout) ?? (use === "stream" ? NO_TOTAL : undefined);
      if (sent === undefined) this.#session.check(command);
      throwIfAborted(signal, command.printable);
      this.#unsubscribe = signal && onAbort(signal, () => this.abort(aborted(signal, command.printable)));
      if (sent === undefined) this.#submit(command, false, total);
      else this.#session.connection.want(sent, total);
    } catch (error) {
      this.abort(error as Pop3Error);
    }
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
