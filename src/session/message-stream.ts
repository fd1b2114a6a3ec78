// A message body as a Readable. It asks for bytes when it is read, and reports when it is destroyed.
import { Readable } from "node:stream";
import { ReaderThrew } from "../protocol/block.ts";

/** The octets held for a reader that is slower than the network. More than one chunk, so that the socket is rarely paused. */
export const HELD: number = 128 * 1024;

/** Takes the bytes of a body that are not collected. */
export interface BodySink {
  /** Takes bytes, which it may keep. Returns `false` if it is full for now. */
  give(octets: Buffer): boolean;
  /** The message is complete. */
  finish(): void;
  /** The message failed: what was not read is dropped. */
  destroy(error: Error): void;
}

/** The body that a sink belongs to. */
export interface SinkOwner {
  /** The sink can take more bytes. */
  wanted(): void;
  /** The reader has gone: before the first byte, in the middle, or after the end. */
  destroyed(error: Error | null): void;
}

export class MessageStream extends Readable implements BodySink {
  readonly #owner: SinkOwner;

  constructor(owner: SinkOwner) {
    super({ highWaterMark: HELD });
    this.#owner = owner;
    // Without this listener an error of the server would crash a process that has no `error` listener.
    this.on("error", () => undefined);
  }

  /** Pushes bytes to the stream. Throws a {@link ReaderThrew} if a listener of the stream throws. */
  give(octets: Buffer): boolean {
    try {
      return this.push(octets);
    } catch (cause) {
      throw new ReaderThrew(cause);
    }
  }

  finish(): void {
    this.push(null);
  }

  override _read(): void {
    this.#owner.wanted();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#owner.destroyed(error);
    callback(error);
  }
}
