// A message body as a Readable. It asks for bytes when it is read, and reports when it is destroyed.
import { Readable } from "node:stream";
import { ReaderThrew } from "../protocol/block.ts";

export interface MessageStreamHooks {
  /** The stream can take more bytes. */
  wanted(): void;
  /** The stream was destroyed: before its first byte, in the middle, or after its end. */
  destroyed(error: Error | null): void;
}

export class MessageStream extends Readable {
  readonly #hooks: MessageStreamHooks;

  constructor(hooks: MessageStreamHooks) {
    super({ highWaterMark: 64 * 1024 });
    this.#hooks = hooks;
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

  override _read(): void {
    this.#hooks.wanted();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#hooks.destroyed(error);
    callback(error);
  }
}
