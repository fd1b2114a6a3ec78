// The octets of one message on their way to whoever claims them: as a Buffer, as a stream, or not at all. Until
// then they are collected, up to what its owner allows.
import type { Readable } from "node:stream";
import { Pop3AbortError, type Pop3Error } from "../errors.ts";
import type { BlockReader } from "../protocol/block.ts";
import { largestMessage, messageTooLarge } from "../protocol/message-buffer.ts";
import type { MixedReplies } from "../protocol/mixed-replies.ts";
import { OctetBuffer } from "../protocol/octet-buffer.ts";
import { CHUNK } from "../net/inlet.ts";
import { MessageStream } from "./message-stream.ts";

/** Who sends the command for a body, and looks after those that nobody has claimed. */
export interface BodyOwner {
  /** The body is wanted, in one Buffer or as a stream: the command is to be sent, if it was not. */
  claimed(use: "buffer" | "stream"): void;
  /** The body can take octets again, after it had held them back. */
  resumed(): void;
  /** Nobody wants the rest. */
  dropped(error: Pop3Error): void;
  /** So many octets more (or fewer) are collected and unclaimed. Returns whether there is room for more. */
  collected(octets: number): boolean;
}

export class MessageBody implements BlockReader<void> {
  /** Looks for the reply to another command in it. */
  mixed: MixedReplies | undefined;
  readonly #owner: BodyOwner;
  readonly #limit: number;
  readonly #collector: OctetBuffer;
  #use: "none" | "buffer" | "stream" | "dropped" = "none";
  #held = false;
  #complete = false;
  #failure: Pop3Error | undefined;
  #stream: MessageStream | undefined;
  #result: Promise<Buffer> | undefined;
  #resolve: ((message: Buffer) => void) | undefined;
  #reject: ((error: Pop3Error) => void) | undefined;

  /** `limit`: the most octets to be held in memory. `announced`: as for {@link OctetBuffer}. */
  constructor(owner: BodyOwner, limit: number, announced: number) {
    this.#owner = owner;
    this.#limit = largestMessage(limit);
    this.#collector = new OctetBuffer(Math.min(announced, this.#limit));
  }

  get elastic(): boolean {
    return this.#use === "none";
  }

  get keeps(): boolean {
    return this.#use === "stream";
  }

  /** Whether all of it has come. */
  get complete(): boolean {
    return this.#complete;
  }

  /** The message as one Buffer. Rejects with what went wrong; `POP3_MESSAGE_TOO_LARGE` beyond the limit. */
  buffer(): Promise<Buffer> {
    if (this.#result !== undefined) return this.#result;
    if (this.#failure === undefined) {
      if (this.#use !== "none")
        return Promise.reject(new TypeError("the message was taken as a stream already"));
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
      this.#resume();
    }
    return this.#result;
  }

  /** The message as a stream; errors destroy it, so that a message that is cut short never ends. */
  stream(): Readable {
    if (this.#stream !== undefined) return this.#stream;
    if (this.#use === "buffer") throw new TypeError("the message was taken as a Buffer already");
    const stream = new MessageStream({
      wanted: () => {
        this.#resume();
      },
      destroyed: (error) => {
        this.#drop(() => new Pop3AbortError(error ?? new Error("the stream was destroyed")));
      },
    });
    this.#stream = stream;
    if (this.#failure !== undefined) {
      stream.destroy(this.#failure);
      return stream;
    }
    this.#claim("stream");
    if (this.#collector.size > 0) {
      const collected = this.#collector.take();
      this.mixed?.look(collected);
      stream.push(collected);
    }
    if (this.#complete) stream.push(null);
    else this.#owner.claimed("stream");
    return stream;
  }

  /** Nobody will claim it. Without effect on what was claimed; the error is made only if it is needed. */
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
    // A stream that was read to its end is dropped, too: nobody has to hear of that.
    if (this.#failure !== undefined || (this.#complete && !unclaimed)) return;
    this.#failure = reason();
    if (!this.#complete) this.#owner.dropped(this.#failure);
  }

  #resume(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#owner.resumed();
  }

  octets(octets: Buffer): boolean {
    let room = true;
    if (this.#use === "stream") {
      this.mixed?.look(octets);
      room = this.#stream?.give(octets) ?? true;
    } else if (this.#use === "buffer") {
      if (this.#collector.size + octets.length > this.#limit) throw messageTooLarge(this.#limit);
      this.#collector.append(octets);
    } else if (this.#use === "none") {
      // Held back a chunk before the limit, as its rest still comes: what nobody has claimed may still be claimed as a stream.
      if (this.#collector.size + octets.length > this.#limit) throw messageTooLarge(this.#limit);
      this.#collector.append(octets);
      room = this.#owner.collected(octets.length) && this.#collector.size <= this.#limit - CHUNK;
    }
    this.#held = !room;
    return room;
  }

  hasMixedReplies(): boolean {
    const { mixed } = this;
    if (mixed === undefined || this.#use === "dropped") return false;
    if (this.#use !== "stream") {
      // Nearly every message has the size that was announced: it is not looked through.
      if (mixed.isExpected(this.#collector.size)) return false;
      mixed.look(this.#collector.join());
    }
    return mixed.found;
  }

  end(): void {
    this.#complete = true;
    this.#held = false;
    if (this.#use === "buffer") this.#resolve?.(this.#collector.join());
    else if (this.#use === "stream") this.#stream?.push(null);
  }

  /** No more comes: the server refused, or the connection is gone, or the caller gave it up. */
  fail(error: Pop3Error): void {
    if (this.#complete || this.#failure !== undefined) return;
    this.#failure = error;
    if (this.#use === "none") this.#owner.collected(-this.#collector.size);
    this.#collector.take();
    this.#reject?.(error);
    this.#stream?.destroy(error);
  }
}
