// A client that knows whether its user has ended the session: then that is not done once more.
import { Pop3Client, type CallOptions } from "../client.ts";

export class PooledClient extends Pop3Client {
  /** The end that was asked for: settles when that is over, and never rejects. */
  #ending: Promise<void> | undefined;

  /** Whether the session is over because that was asked for. Waits for an end that is under way. */
  async dismissed(): Promise<boolean> {
    await this.#ending;
    return this.#ending !== undefined;
  }

  override quit(call?: CallOptions): Promise<void> {
    const quitting = super.quit(call);
    this.#ending = quitting.catch(() => {
      // It was given up before it went out.
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
