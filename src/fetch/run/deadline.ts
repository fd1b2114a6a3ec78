// When a run has to stop waiting for the server: a signal that is aborted at a time, or by the caller before that.
import { onAbort } from "../../net/abort.ts";
import { sleep } from "../../net/sleep.ts";

export class Deadline {
  readonly #controller: AbortController = new AbortController();
  readonly #cleared: AbortController = new AbortController();
  readonly #unsubscribe: (() => void) | undefined;
  #passed = false;

  /** `until`: by `performance.now()`; `Infinity`: never. `signal`: the caller's own. */
  constructor(until: number, signal: AbortSignal | undefined) {
    const abort = (): void => {
      this.#controller.abort(signal?.reason);
    };
    if (signal?.aborted === true) abort();
    else if (signal !== undefined) this.#unsubscribe = onAbort(signal, abort);
    if (until !== Infinity) void this.#wait(until);
  }

  /** Is aborted when the time has come, or when the caller's signal is. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether it was the time that aborted the signal. */
  get passed(): boolean {
    return this.#passed;
  }

  /** Stops the clock, and listens to the caller's signal no more. */
  clear(): void {
    this.#cleared.abort();
    this.#unsubscribe?.();
  }

  async #wait(until: number): Promise<void> {
    await sleep(until - performance.now(), this.#cleared.signal);
    if (this.#cleared.signal.aborted || this.signal.aborted) return;
    this.#passed = true;
    this.#controller.abort(new Error("the time of the run is over (limits.seconds of the policy)"));
  }
}
