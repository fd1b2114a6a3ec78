// The one way to listen to abort signals. Each signal gets one listener, however many calls it may abort: Node
// warns of a leak when a signal has more than ten.

interface Hearing {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const hearings = new WeakMap<AbortSignal, Hearing>();

/**
 * Calls `callback` on abort, and at once if the signal is aborted already. Returns an unsubscribe function; the
 * listener is removed with the last subscription.
 */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal === undefined) return nothing;
  if (signal.aborted) {
    callback();
    return nothing;
  }
  const hearing = hearings.get(signal) ?? hear(signal);
  // A function of its own: the same callback may be subscribed twice.
  const call = (): void => callback();
  hearing.callbacks.add(call);
  return () => {
    hearing.callbacks.delete(call);
    if (hearing.callbacks.size > 0 || hearings.get(signal) !== hearing) return;
    hearings.delete(signal);
    signal.removeEventListener("abort", hearing.listener);
  };
}

function hear(signal: AbortSignal): Hearing {
  const callbacks = new Set<() => void>();
  const listener = (): void => {
    hearings.delete(signal);
    for (const callback of [...callbacks]) callback();
  };
  signal.addEventListener("abort", listener, { once: true });
  const hearing = { callbacks, listener };
  hearings.set(signal, hearing);
  return hearing;
}

function nothing(): void {
  // There is no subscription to end.
}

/** Whether one of the signals is aborted. A call: the compiler does not see that a signal may change. */
export function isAborted(...signals: readonly (AbortSignal | undefined)[]): boolean {
  return signals.some((signal) => signal?.aborted === true);
}

/**
 * Combines several signals into one. In contrast to `AbortSignal.any`, it leaves nothing on the signals after
 * `release`: the signal of a pool, and perhaps the caller's, is used in many calls.
 */
export class FirstAbort {
  readonly #controller: AbortController = new AbortController();
  readonly #unsubscribe: readonly (() => void)[];

  constructor(...signals: readonly (AbortSignal | undefined)[]) {
    this.#unsubscribe = signals.map((signal) =>
      onAbort(signal, () => {
        this.#controller.abort(signal?.reason);
      }),
    );
  }

  /** Aborted when the first of the signals is, with the same reason. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Removes all listeners. */
  release(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }
}
