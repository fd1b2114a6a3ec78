// A client that remembers whether its user ended the session, so that the pool does not end it again.
import { Pop3Client } from "../client.ts";
import type { CallOptions } from "../options/call.ts";

export class PooledClient extends Pop3Client {
  /** Resolves when the end that the user requested is complete; never rejects. `undefined`: not requested. */
  #ending: Promise<void> | undefined;

  /** Resolves with whether the user ended the session. Waits until a requested end is complete. */
  async dismissed(): Promise<boolean> {
    await this.#ending;
    return this.#ending !== undefined;
  }

  override quit(call?: CallOptions): Promise<void> {
    const quitting = super.quit(call);
    this.#ending = quitting.catch(() => {
      // QUIT was cancelled before it was sent: the session continues.
      if (this.state !== "closed") this.#ending = undefined;
    });
    return quitting;
  }

  override close(): void {
    this.#ending = Promise.resolve();
    super.close();
  }

  override [Symbol.asyncDispose](): Promise<void> {
    const leaving = super[Symbol.asyncDispose]();
    this.#ending = leaving;
    return leaving;
  }
}
