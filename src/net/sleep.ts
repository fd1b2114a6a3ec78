// Waits for a time, or until a signal is aborted.

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

async function nap(milliseconds: number, signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  let wake = (): void => undefined;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
    for (const signal of signals) signal?.addEventListener("abort", wake);
  });
  for (const signal of signals) signal?.removeEventListener("abort", wake);
}
