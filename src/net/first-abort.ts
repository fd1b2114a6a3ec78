// Combines several signals into one. In contrast to `AbortSignal.any`, it leaves nothing on the signals after
// `release`: the signal of a pool, and perhaps the caller's, is used in many calls.
import { onAbort } from "./abort.ts";

export class FirstAbort {
  readonly #controller: AbortController = new AbortController();
  readonly #unsubscribe: (() => void)[] = [];

  constructor(...signals: readonly (AbortSignal | undefined)[]) {
    for (const signal of signals) {
      if (signal === undefined) continue;
      const abort = (): void => {
        this.#controller.abort(signal.reason);
      };
      if (signal.aborted) abort();
      else this.#unsubscribe.push(onAbort(signal, abort));
    }
  }

  /** The combined signal. It is aborted when the first of the signals is, with the same reason. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Removes all listeners. */
  release(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
  }
}
