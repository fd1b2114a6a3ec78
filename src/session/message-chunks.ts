// The bytes of a message for one `for await` loop, without a Readable: each chunk reaches the loop as it was read.
import { Queue } from "../net/queue.ts";
import { HELD, type BodySink, type SinkOwner } from "./message-stream.ts";

type Result = IteratorResult<Buffer, undefined>;

interface Waiting {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

export class MessageChunks implements BodySink, AsyncIterator<Buffer, undefined> {
  readonly #owner: SinkOwner;
  readonly #chunks = new Queue<Buffer>();
  /** The calls of `next` that came before their chunk. */
  readonly #waiting = new Queue<Waiting>();
  #octets = 0;
  #over = false;
  /** The error for the next call of `next`. */
  #failure: Error | undefined;

  constructor(owner: SinkOwner) {
    this.#owner = owner;
  }

  give(octets: Buffer): boolean {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting.resolve({ done: false, value: octets });
      return true;
    }
    this.#chunks.push(octets);
    this.#octets += octets.length;
    return this.#octets < HELD;
  }

  finish(): void {
    this.#over = true;
    this.#release();
  }

  /** Drops the chunks that the loop has not taken. `error`: for one call of `next`. */
  destroy(error: Error): void {
    this.#over = true;
    this.#drop();
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#failure = error;
    else waiting.reject(error);
    this.#release();
  }

  next(): Promise<Result> {
    const octets = this.#chunks.shift();
    if (octets !== undefined) {
      this.#octets -= octets.length;
      // Half is free: so the socket is not paused and resumed for every chunk.
      if (this.#octets * 2 <= HELD) this.#owner.wanted();
      return Promise.resolve({ done: false, value: octets });
    }
    const failure = this.#failure;
    if (failure !== undefined) {
      this.#failure = undefined;
      return Promise.reject(failure);
    }
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** The loop was left: the rest of the message is dropped. */
  return(): Promise<Result> {
    this.#over = true;
    this.#failure = undefined;
    this.#drop();
    this.#release();
    this.#owner.destroyed(new Error("the loop over the message was left"));
    return Promise.resolve({ done: true, value: undefined });
  }

  #drop(): void {
    while (this.#chunks.shift() !== undefined);
    this.#octets = 0;
  }

  /** No more chunks come: ends the calls that wait. */
  #release(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift())
      next.resolve({ done: true, value: undefined });
  }
}
