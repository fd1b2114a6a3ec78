// Registers one listener for each signal, however many calls the signal may abort. Node warns of a leak when
// a signal has more than ten listeners.

interface Hearing {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const hearings = new WeakMap<AbortSignal, Hearing>();

/**
 * Calls `callback` on abort. Returns an unsubscribe function; the listener is removed with the last
 * subscription.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const hearing = hearings.get(signal) ?? hear(signal);
  hearing.callbacks.add(callback);
  return () => {
    hearing.callbacks.delete(callback);
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
