// Delivers the bytes of one message as a Buffer, as a stream, or chunk by chunk to a loop. Until the caller claims
// one of them, collects the bytes up to the limit of the owner.
import { constants } from "node:buffer";
import type { Readable } from "node:stream";
import { Pop3AbortError, Pop3Error, Pop3ProtocolError } from "../errors.ts";
import type { BlockReader } from "../protocol/block.ts";
import type { MixedReplies } from "../protocol/mixed-replies.ts";
import { OctetBuffer } from "../protocol/octet-buffer.ts";
import { CHUNK } from "../net/inlet.ts";
import { seenFrom, type Caller } from "./caller.ts";
import { MessageChunks } from "./message-chunks.ts";
import { MessageStream, type BodySink, type SinkOwner } from "./message-stream.ts";

/** The owner of a body: sends its command, and limits the memory of unclaimed bodies. */
export interface BodyOwner {
  /** The caller claimed the body, as one Buffer or as a stream. Sends the command if it was not sent yet. */
  claimed(use: "buffer" | "stream"): void;
  /** The body was full and can take bytes again. */
  resumed(): void;
  /** The rest of the body is not needed. */
  dropped(error: Pop3Error): void;
  /** The body holds `octets` more unclaimed bytes; fewer if negative. Returns whether it may collect more. */
  collected(octets: number): boolean;
}

export class MessageBody implements BlockReader<void>, SinkOwner {
  /** Looks in the message for the reply to another command. */
  mixed: MixedReplies | undefined;
  readonly #owner: BodyOwner;
  readonly #limit: number;
  readonly #collector: OctetBuffer;
  readonly #caller: Caller | undefined;
  #use: "none" | "buffer" | "stream" | "dropped" = "none";
  #paused = false;
  #complete = false;
  #failure: Pop3Error | undefined;
  #sink: BodySink | undefined;
  #result: Promise<Buffer> | undefined;
  #resolve: ((message: Buffer) => void) | undefined;
  #reject: ((error: Pop3Error) => void) | undefined;

  /** `limit`: the most bytes to hold in memory. `announced`: as for {@link OctetBuffer}. */
  constructor(owner: BodyOwner, limit: number, announced: number, caller?: Caller) {
    this.#owner = owner;
    this.#caller = caller;
    this.#limit = largestMessage(limit);
    this.#collector = new OctetBuffer(Math.min(announced, this.#limit));
  }

  get elastic(): boolean {
    return this.#use === "none";
  }

  get keeps(): boolean {
    return this.#use === "stream";
  }

  /** Whether the whole message has arrived. */
  get complete(): boolean {
    return this.#complete;
  }

  /**
   * Claims the message as one Buffer. Rejects with `POP3_MESSAGE_TOO_LARGE` if it is larger than the limit.
   */
  buffer(): Promise<Buffer> {
    if (this.#result !== undefined) return this.#result;
    if (this.#failure === undefined) {
      if (this.#use !== "none") return Promise.reject(takenTwice("as a stream"));
      this.#claim("buffer");
    }
    if (this.#failure !== undefined) this.#result = Promise.reject(this.#failure);
    else if (this.#complete) this.#result = Promise.resolve(this.#collector.join());
    else {
      this.#result = new Promise((resolve, reject) => {
        this.#resolve = resolve;
        this.#reject = reject;
      });
      this.#owner.claimed("buffer");
      this.wanted();
    }
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
      this.mixed?.look(collected);
      sink.give(collected);
    }
    if (this.#complete) sink.finish();
    else this.#owner.claimed("stream");
    return sink;
  }

  /**
   * Drops the body if it is unclaimed; otherwise does nothing. `error` is called only if the error is needed.
   */
  leave(error: () => Pop3Error): void {
    if (this.#use === "none") this.#drop(error);
  }

  #claim(use: "buffer" | "stream"): void {
    this.#use = use;
    this.#owner.collected(-this.#collector.size);
  }

  #drop(reason: () => Pop3Error): void {
    if (this.#use === "dropped") return;
    const unclaimed = this.#use === "none";
    if (unclaimed) this.#owner.collected(-this.#collector.size);
    this.#use = "dropped";
    this.#collector.take();
    // A stream is also destroyed after its end. That is not a failure.
    if (this.#failure !== undefined || (this.#complete && !unclaimed)) return;
    this.#failure = reason();
    if (!this.#complete) this.#owner.dropped(this.#failure);
  }

  // SinkOwner: calls from the stream or the loop.

  wanted(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#owner.resumed();
  }

  destroyed(error: Error | null): void {
    this.#drop(() => new Pop3AbortError(error ?? new Error("the stream was destroyed")));
  }

  // BlockReader: calls from the connection.

  octets(octets: Buffer): boolean {
    let room = true;
    if (this.#use === "stream") {
      this.mixed?.look(octets);
      room = this.#sink?.give(octets) ?? true;
    } else if (this.#use === "buffer") {
      if (this.#collector.size + octets.length > this.#limit) throw messageTooLarge(this.#limit);
      this.#collector.append(octets);
    } else if (this.#use === "none") {
      // Pause one chunk before the limit, because the rest of the chunk still arrives. The caller may still
      // claim the message as a stream, which has no limit.
      if (this.#collector.size + octets.length > this.#limit) throw messageTooLarge(this.#limit);
      this.#collector.append(octets);
      room = this.#owner.collected(octets.length) && this.#collector.size <= this.#limit - CHUNK;
    }
    this.#paused = !room;
    return room;
  }

  hasMixedReplies(): boolean {
    const { mixed } = this;
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

  /** Fails the body: the server refused the command, the connection ended, or the caller cancelled. */
  fail(error: Pop3Error): void {
    if (this.#complete || this.#failure !== undefined) return;
    this.#failure = seenFrom(error, this.#caller);
    if (this.#use === "none") this.#owner.collected(-this.#collector.size);
    this.#collector.take();
    this.#reject?.(error);
    this.#sink?.destroy(error);
  }
}

/** Returns the limit, but at most the size of the largest Buffer in Node. */
export function largestMessage(limit: number): number {
  return Math.min(limit, constants.MAX_LENGTH);
}

/** Creates the error for a message that exceeds the limit while it is read: the connection is closed. */
function messageTooLarge(limit: number): Pop3ProtocolError {
  return new Pop3ProtocolError("POP3_MESSAGE_TOO_LARGE", tooLarge(limit));
}

/**
 * Creates the error for a message that LIST announced as too large: `command` is not sent, the session
 * continues.
 */
export function messageKnownTooLarge(limit: number, command: string): Pop3Error {
  return new Pop3Error("POP3_MESSAGE_TOO_LARGE", tooLarge(limit), { command });
}

function tooLarge(limit: number): string {
  return `the message is larger than the limit of ${String(limit)} bytes; read it as a stream, or raise limits.message`;
}

function takenTwice(how: string): Pop3Error {
  return new Pop3Error(
    "POP3_STATE",
    `the message was already taken ${how}: take it once, with buffer(), stream() or one loop`,
  );
}
