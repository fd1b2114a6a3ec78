// Runs something that has no promise of its own, and settles once: by itself, by the clock or by the signal.
import { Pop3AbortError, type Pop3Error } from "../errors.ts";

/** What setTimeout can hold; milliseconds. */
export const LONGEST_TIMER = 0x7fff_ffff;

export interface SettleOptions {
  /** Milliseconds; `Infinity`: no clock. */
  readonly timeout: number;
  /** The error when they are over. */
  readonly late: () => Pop3Error;
  readonly signal?: AbortSignal | undefined;
}

/**
 * `start` begins, and returns how to undo what it began; that is called unless it resolved.
 */
export function settle<T>(
  { timeout, late, signal }: SettleOptions,
  start: (resolve: (value: T) => void, reject: (error: Error) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(new Pop3AbortError(signal.reason));
      return;
    }
    let settled = false;
    const finish = (): boolean => {
      if (settled) return false;
      settled = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      return true;
    };
    let undo = (): void => undefined;
    const fail = (error: Error): void => {
      if (!finish()) return;
      undo();
      reject(error);
    };
    const onAbort = (): void => {
      fail(new Pop3AbortError(signal?.reason));
    };
    const timer =
      timeout === Infinity
        ? undefined
        : setTimeout(
            () => {
              fail(late());
            },
            Math.min(timeout, LONGEST_TIMER),
          );
    signal?.addEventListener("abort", onAbort);
    undo = start((value) => {
      if (finish()) resolve(value);
    }, fail);
  });
}
