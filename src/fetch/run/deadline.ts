// Provides the signal that ends all calls to the server: it is aborted at a given time, or earlier by the
// caller's signal.
import { onAbort } from "../../net/abort.ts";
import { sleep } from "../../net/settle.ts";
import { steadyTime } from "../../system/clock.ts";

/** A signal with a time limit. Call {@link clear} when it is no longer needed. */
export class Deadline {
  readonly #controller: AbortController = new AbortController();
  readonly #cleared: AbortController = new AbortController();
  readonly #unsubscribe: () => void;
  #passed = false;

  /**
   * `until`: milliseconds, by `performance.now()`; `Infinity`: no time limit. `signal`: the caller's signal.
   */
  constructor(until: number, signal: AbortSignal | undefined) {
    this.#unsubscribe = onAbort(signal, () => {
      this.#controller.abort(signal?.reason);
    });
    if (until !== Infinity) void this.#wait(until);
  }

  /** Aborted at the given time, or when the caller's signal is aborted. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the time limit, and not the caller, aborted the signal. */
  get passed(): boolean {
    return this.#passed;
  }

  /** Stops the timer and removes the listener from the caller's signal. */
  clear(): void {
    this.#cleared.abort();
    this.#unsubscribe();
  }

  async #wait(until: number): Promise<void> {
    await sleep(until - steadyTime(), this.#cleared.signal);
    if (this.#cleared.signal.aborted || this.signal.aborted) return;
    this.#passed = true;
    this.#controller.abort(new Error("the run has reached its time limit (policy.limits.seconds)"));
  }
}
