// Wraps callback code in a promise that settles once: with its result, by a timeout or by an abort signal.
import type { Pop3Error } from "../errors.ts";
import { onAbort } from "./abort.ts";
import { aborted } from "./failures.ts";

/** The longest delay of `setTimeout`, in milliseconds. */
export const LONGEST_TIMER = 0x7fff_ffff;

export interface Clock {
  /** The timeout in milliseconds; `Infinity`: none. */
  readonly timeout: number;
  /** Creates the error for when the timeout has passed. */
  readonly late: () => Pop3Error;
}

/** Calls `call` and returns its result. Rejects as soon as the signal is aborted. There is no time limit. */
export function untilAborted<T>(signal: AbortSignal, call: () => T | Promise<T>): Promise<T> {
  return settle<T>(signal, undefined, (resolve, reject) => {
    Promise.resolve()
      .then(() => call())
      .then(resolve, reject);
    return () => undefined;
  });
}

/**
 * Calls `start`, which returns a function that undoes its work. That function is called unless `start`
 * resolves.
 */
export function settle<T>(
  signal: AbortSignal | undefined,
  clock: Clock | undefined,
  start: (resolve: (value: T) => void, reject: (error: Error) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(aborted(signal));
      return;
    }
    let settled = false;
    let failed = false as boolean; // callbacks set it, which the compiler does not see
    let timer: NodeJS.Timeout | undefined;
    let undo = (): void => undefined;
    const finish = (): boolean => {
      if (settled) return false;
      settled = true;
      clearTimeout(timer);
      unsubscribe?.();
      return true;
    };
    const fail = (error: Error): void => {
      if (!finish()) return;
      failed = true;
      undo();
      reject(error);
    };
    const unsubscribe = signal && onAbort(signal, () => fail(aborted(signal)));
    if (clock !== undefined && clock.timeout !== Infinity) {
      timer = setTimeout(
        () => {
          fail(clock.late());
        },
        Math.min(clock.timeout, LONGEST_TIMER),
      );
    }
    undo = start((value) => {
      if (finish()) resolve(value);
    }, fail);
    // `start` may have failed before it returned `undo`.
    if (failed) undo();
  });
}
