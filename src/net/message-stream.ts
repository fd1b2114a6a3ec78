// A message body as a Readable: it asks for octets when it is read, and says when it is given up.
import { Readable } from "node:stream";

export interface MessageStreamHooks {
  /** The reader can take more. */
  wanted(): void;
  /** The reader was destroyed: before its first octet, in the middle, or behind the end. */
  destroyed(error: Error | null): void;
}

export class MessageStream extends Readable {
  readonly #hooks: MessageStreamHooks;

  constructor(hooks: MessageStreamHooks) {
    super({ highWaterMark: 64 * 1024 });
    this.#hooks = hooks;
  }

  override _read(): void {
    this.#hooks.wanted();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#hooks.destroyed(error);
    callback(error);
  }
}
