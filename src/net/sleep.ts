// Waits for a time, or until a signal is aborted.
import { onAbort } from "./abort.ts";

/** The longest delay of a timer in Node, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** Resolves after `milliseconds`, or as soon as one of the signals is aborted. Never rejects. */
export async function sleep(
  milliseconds: number,
  ...signals: readonly (AbortSignal | undefined)[]
): Promise<void> {
  // Monotonic: the system clock may be set back.
  const until = performance.now() + milliseconds;
  for (let left = milliseconds; left > 0 && !isAborted(signals); left = until - performance.now()) {
    await nap(Math.min(left, LONGEST), signals);
  }
}

export function isAborted(signals: readonly (AbortSignal | undefined)[]): boolean {
  return signals.some((signal) => signal?.aborted === true);
}

function nap(milliseconds: number, signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      for (const unsubscribe of unsubscribes) unsubscribe();
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    const unsubscribes = signals
      .filter((signal) => signal !== undefined)
      .map((signal) => onAbort(signal, wake));
  });
}
