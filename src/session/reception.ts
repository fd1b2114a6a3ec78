// The reception of one message: RETR or TOP, its place in the pipeline, and the bytes that arrive. Delivers them as one
// Buffer, as a stream, or chunk by chunk to a loop. Until the caller claims one of them, collects the bytes up to a limit.
import type { Readable } from "node:stream";
import { inSession, Pop3AbortError, Pop3Error } from "../errors.ts";
import { onAbort } from "../net/abort.ts";
import { NO_TOTAL } from "../net/deadlines.ts";
import type { Total } from "../net/deadline-timer.ts";
import { Exchange } from "../net/exchange.ts";
import { aborted, throwIfAborted } from "../net/failures.ts";
import { CHUNK } from "../net/inlet.ts";
import type { Duration } from "../options/duration.ts";
import { totalOfCall } from "../options/total-timeout.ts";
import type { BlockReader } from "../protocol/block.ts";
import * as commands from "../protocol/commands.ts";
import type { BlockCommand } from "../protocol/commands.ts";
import { MixedReplies } from "../protocol/mixed-replies.ts";
import { OctetBuffer } from "../protocol/octet-buffer.ts";
import { allocate } from "../net/slab.ts";
import { seenFrom, type Caller } from "./caller.ts";
import { MessageChunks } from "./message-chunks.ts";
import { announcedOctets, largestMessage, messageKnownTooLarge, messageTooLarge } from "./message-size.ts";
import { MessageStream, type BodySink, type SinkOwner } from "./message-stream.ts";
import type { Session } from "./session.ts";

export interface ReceptionOptions {
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
  /** Whether more may be collected than that, because another command waits for its reply. @default true */
  readonly mayExceed?: () => boolean;
}

/** Where a message comes from, and what its listing says. */
export interface Maildrop {
  readonly session: Session;
  /** The sizes in octets; `undefined` before LIST. */
  readonly sizes: ReadonlyMap<number, number> | undefined;
}

export class Reception extends Exchange<void> implements BlockReader<void>, SinkOwner {
  readonly number: number;
  /** The size that LIST announced. */
  readonly size: number | undefined;
  // Set when the command is submitted: wrong arguments fail the message, not its construction.
  command!: BlockCommand<void>;
  text = 0;
  announced = 0;
  readonly #session: Session;
  readonly #options: ReceptionOptions;
  readonly #limit: number;
  readonly #collector: OctetBuffer;
  /** Looks in the message for the reply to another command. */
  #mixed: MixedReplies | undefined;
  #use: "none" | "buffer" | "stream" | "dropped" = "none";
  #submitted = false;
  #paused = false;
  #complete = false;
  #failure: Pop3Error | undefined;
  #sink: BodySink | undefined;
  #result: Promise<Buffer> | undefined;
  #resolve: ((message: Buffer) => void) | undefined;
  #reject: ((error: Pop3Error) => void) | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor({ session, sizes }: Maildrop, number: number, options: ReceptionOptions = {}) {
    const { top } = options;
    const size = sizes?.get(number);
    super();
    this.number = number;
    this.size = size;
    this.#session = session;
    this.#options = options;
    this.#limit = largestMessage(session.settings.limits.message);
    this.#collector = new OctetBuffer(top === undefined ? Math.min(size ?? 0, this.#limit) : 0, allocate);
  }

  /** Whether the whole message has arrived. */
  get complete(): boolean {
    return this.#complete;
  }

  /**
   * Claims the message as one Buffer. Rejects with `POP3_MESSAGE_TOO_LARGE` if it is larger than the limit.
   */
  buffer(): Promise<Buffer> {
    const { message } = this.#session.settings.limits;
    // The announced size is too large. Reject before sending: an error in the middle would end the session.
    if (!this.#submitted && this.#options.top === undefined && (this.size ?? 0) > message) {
      return Promise.reject(messageKnownTooLarge(message, this.#newCommand().printable));
    }
    if (this.#result !== undefined) return this.#result;
    if (this.#failure !== undefined) return (this.#result = Promise.reject(this.#failure));
    if (this.#use !== "none") return Promise.reject(takenTwice("as a stream"));
    this.#claim("buffer");
    if (this.#complete) return (this.#result = Promise.resolve(this.#collector.join()));
    this.#result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#want(undefined);
    this.wanted();
    return this.#result;
  }

  /** Claims the message as a stream. Errors destroy it: a truncated message never emits `end`. */
  stream(): Readable {
    return this.#sink instanceof MessageStream ? this.#sink : this.#pass(MessageStream);
  }

  /** Claims the message for one loop. The loop of a truncated message throws. */
  chunks(): AsyncIterator<Buffer, undefined> {
    return this.#sink instanceof MessageStream
      ? (this.#sink[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>)
      : this.#pass(MessageChunks);
  }

  #pass<S extends BodySink>(Sink: new (owner: SinkOwner) => S): S {
    if (this.#use === "buffer") throw takenTwice("as a Buffer");
    if (this.#sink !== undefined) throw takenTwice("by a loop");
    const sink = new Sink(this);
    this.#sink = sink;
    if (this.#failure !== undefined) {
      sink.destroy(this.#failure);
      return sink;
    }
    this.#claim("stream");
    if (this.#collector.size > 0) {
      const collected = this.#collector.take();
      this.#mixed?.look(collected);
      sink.give(collected);
    }
    if (this.#complete) sink.finish();
    else this.#want(NO_TOTAL);
    return sink;
  }

  /** Sends the command ahead: the message is not claimed yet. */
  request(): void {
    try {
      const command = this.#newCommand();
      this.#session.check(command);
      this.#submit(command, true, totalOfCall(this.#options.totalTimeout) ?? NO_TOTAL);
    } catch (error) {
      this.abort(error as Pop3Error);
    }
  }

  /** The caller waits for the message from now on. `total`: the limit of its time, unless the call has set one. */
  #want(total: Total | undefined): void {
    const { signal, totalTimeout } = this.#options;
    try {
      const command = this.#submitted ? this.command : this.#newCommand();
      const limit = totalOfCall(totalTimeout) ?? total;
      if (!this.#submitted) this.#session.check(command);
      throwIfAborted(signal, command.printable);
      this.#unsubscribe = signal && onAbort(signal, () => this.abort(aborted(signal, command.printable)));
      if (this.#submitted) this.#session.connection.want(this, limit);
      else this.#submit(command, false, limit);
    } catch (error) {
      this.abort(error as Pop3Error);
    }
  }

  #submit(command: BlockCommand<void>, ahead: boolean, total: Total | undefined): void {
    this.command = command;
    this.text = command.line.length + 2;
    this.announced = announcedOctets(this.size, this.#options.top);
    this.ahead = ahead;
    this.total = total;
    this.#submitted = true;
    this.#session.connection.submit(this);
  }

  #newCommand(): BlockCommand<void> {
    const { top } = this.#options;
    if (top !== undefined) return commands.top(this.number, top, () => this);
    return commands.retr(this.number, (line) => {
      this.#mixed = new MixedReplies(line, this.size);
      return this;
    });
  }

  #claim(use: "buffer" | "stream"): void {
    this.#use = use;
    this.#collected(-this.#collector.size);
  }

  /** Counts `octets` more unclaimed octets; fewer if negative. Returns whether more may be collected. */
  #collected(octets: number): boolean {
    return this.#options.collected?.(octets) ?? true;
  }

  /** Drops the message if it is unclaimed. A claimed message continues. `error` is called only if it is needed. */
  leave(error: () => Pop3Error): void {
    if (this.#use === "none") this.#drop(() => inSession(error(), this.#session.id));
  }

  /** Cancels the message, even if it is claimed. */
  abort(error: Pop3Error): void {
    this.#fail(inSession(error, this.#session.id));
    this.#abandon(error);
  }

  #drop(reason: () => Pop3Error): void {
    if (this.#use === "dropped") return;
    const unclaimed = this.#use === "none";
    if (unclaimed) this.#collected(-this.#collector.size);
    this.#use = "dropped";
    this.#collector.take();
    // A stream is also destroyed after its end. That is not a failure.
    if (this.#failure !== undefined || (this.#complete && !unclaimed)) return;
    this.#failure = reason();
    if (!this.#complete) this.#abandon(this.#failure);
  }

  /** The rest of the response is not needed. */
  #abandon(error: Pop3Error): void {
    this.#unsubscribe?.();
    if (this.#submitted) this.#session.connection.abandon(this, error);
  }

  /** Fails the message: the server refused the command, the connection ended, or the caller cancelled. */
  #fail(error: Pop3Error): void {
    if (this.#complete || this.#failure !== undefined) return;
    this.#failure = seenFrom(error, this.#options.caller);
    if (this.#use === "none") this.#collected(-this.#collector.size);
    this.#collector.take();
    this.#reject?.(error);
    this.#sink?.destroy(error);
  }

  // Exchange: the end of the reply.

  protected override resolved(): void {
    this.#unsubscribe?.();
  }

  protected override rejected(error: Pop3Error): void {
    this.#unsubscribe?.();
    this.#fail(error);
  }

  // SinkOwner: calls from the stream or the loop.

  wanted(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#session.connection.resume();
  }

  destroyed(error: Error | null): void {
    this.#drop(() => new Pop3AbortError(error ?? new Error("the stream was destroyed")));
  }

  // BlockReader: calls from the connection.

  get elastic(): boolean {
    return this.#use === "none" && this.#options.mayExceed?.() !== false;
  }

  get keeps(): boolean {
    return this.#use === "stream";
  }

  octets(octets: Buffer): boolean {
    let room = true;
    if (this.#use === "stream") {
      this.#mixed?.look(octets);
      room = this.#sink?.give(octets) ?? true;
    } else if (this.#use !== "dropped") {
      if (this.#collector.size + octets.length > this.#limit) throw messageTooLarge(this.#limit);
      this.#collector.append(octets);
      // Pause one chunk before the limit, because the rest of the chunk still arrives. The caller may still
      // claim the message as a stream, which has no limit.
      if (this.#use === "none")
        room = this.#collected(octets.length) && this.#collector.size <= this.#limit - CHUNK;
    }
    this.#paused = !room;
    return room;
  }

  hasMixedReplies(): boolean {
    const mixed = this.#mixed;
    if (mixed === undefined || this.#use === "dropped") return false;
    if (this.#use !== "stream") {
      // Nearly every message has the announced size. Then there is no need to search it.
      if (mixed.isExpected(this.#collector.size)) return false;
      mixed.look(this.#collector.join());
    }
    return mixed.found;
  }

  end(): void {
    this.#complete = true;
    this.#paused = false;
    if (this.#use === "buffer") this.#resolve?.(this.#collector.join());
    else if (this.#use === "stream") this.#sink?.finish();
  }
}

function takenTwice(how: string): Pop3Error {
  return new Pop3Error(
    "POP3_STATE",
    `the message was already taken ${how}: take it once, with buffer(), stream() or one loop`,
  );
}
