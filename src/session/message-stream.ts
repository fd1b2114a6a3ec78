// A message body as a Readable: it asks for octets when it is read, and says when it is given up.
import { Readable } from "node:stream";
import { ReaderThrew } from "../protocol/block.ts";

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
    // A server must not be able to end the process of somebody who does not listen: `end` never comes, that is all.
    this.on("error", () => undefined);
  }

  /** Gives octets to the reader, whose listeners may throw. Throws that as a {@link ReaderThrew}. */
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
