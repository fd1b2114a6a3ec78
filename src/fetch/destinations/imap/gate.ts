// Lets many calls run side by side, or one alone.

export class Gate {
  #running = 0;
  /** The calls that run alone, one after the other. */
  #alone: Promise<void> = Promise.resolve();
  #isClosed = 0;
  #empty: (() => void) | undefined;

  /** Calls `work` side by side with others, and not during a call of {@link alone}. */
  async together<T>(work: () => Promise<T>): Promise<T> {
    while (this.#isClosed > 0) await this.#alone;
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
      if (this.#running === 0) this.#empty?.();
    }
  }

  /** Calls `work` when the calls that run have ended. Later ones wait for it. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    this.#isClosed++;
    const before = this.#alone;
    let end = (): void => undefined;
    this.#alone = new Promise((resolve) => (end = resolve));
    try {
      await before;
      if (this.#running > 0) await new Promise<void>((resolve) => (this.#empty = resolve));
      this.#empty = undefined;
      return await work();
    } finally {
      this.#isClosed--;
      end();
    }
  }
}
