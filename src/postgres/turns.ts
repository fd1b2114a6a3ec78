// Executes the operations of a mailbox in their order. Those that wait at the same time and go together are one step.

/** An operation, and the promise that waits for it. */
export interface Operation<T> {
  readonly work: T;
  readonly resolve: (value?: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class Turns<T> {
  readonly #step: (operations: readonly Operation<T>[]) => Promise<void>;
  readonly #together: (works: readonly T[], next: T) => boolean;
  readonly #waiting: Operation<T>[] = [];
  #isRunning = false;
  #idle: (() => void)[] = [];

  /**
   * `step` settles each of its operations; if it rejects, so do those that it has not settled. `together` tells whether
   * the next operation belongs to the same step as those before it.
   */
  constructor(
    step: (operations: readonly Operation<T>[]) => Promise<void>,
    together: (works: readonly T[], next: T) => boolean,
  ) {
    this.#step = step;
    this.#together = together;
  }

  /** Resolves or rejects when the operation is done. What arrives in the same turn of the event loop waits with it. */
  add<R>(work: T): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.#waiting.push({ work, resolve: resolve as (value?: unknown) => void, reject });
      if (this.#isRunning) return;
      this.#isRunning = true;
      setImmediate(() => void this.#run());
    });
  }

  /** Resolves when no operation is left. */
  async settled(): Promise<void> {
    if (this.#isRunning) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const operations = this.#next();
      try {
        await this.#step(operations);
      } catch (error) {
        for (const { reject } of operations) reject(error);
      }
    }
    this.#isRunning = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #next(): Operation<T>[] {
    const works = [(this.#waiting[0] as Operation<T>).work];
    for (const { work } of this.#waiting.slice(1)) {
      if (!this.#together(works, work)) break;
      works.push(work);
    }
    return this.#waiting.splice(0, works.length);
  }
}
