// Runs something that has no promise of its own, and settles once: by itself, by the clock or by the signal.
import type { Pop3Error } from "../errors.ts";
import { onAbort } from "./abort.ts";
import { aborted } from "./failures.ts";

/** What setTimeout can hold; milliseconds. */
export const LONGEST_TIMER = 0x7fff_ffff;

export interface Clock {
  /** Milliseconds; `Infinity`: it never goes off. */
  readonly timeout: number;
  /** The error when it does. */
  readonly late: () => Pop3Error;
}

/** What `call` gives, however long that takes, unless the signal is aborted before. */
export function untilAborted<T>(signal: AbortSignal, call: () => T | Promise<T>): Promise<T> {
  return settle<T>(signal, undefined, (resolve, reject) => {
    Promise.resolve()
      .then(() => call())
      .then(resolve, reject);
    return () => undefined;
  });
}

/** `start` begins, and returns how to undo what it began; that is called unless it resolved. */
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
    let failed = false as boolean; // set by callbacks, which the compiler does not see
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
    // It may have failed before it said how to undo what it began.
    if (failed) undo();
  });
}
