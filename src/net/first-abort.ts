// One signal for several. `AbortSignal.any` leaves something behind on each of them with every call; a pool's own
// signal, and perhaps the caller's, see many calls.
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

  /** Is aborted as soon as one of them is, for the same reason. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Stops listening. */
  release(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
  }
}
