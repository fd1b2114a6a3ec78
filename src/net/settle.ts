// Waits, but never longer than a timeout or an abort signal allows: for callbacks, for calls, or for a time.
import { isAborted, onAbort } from "./abort.ts";
import { aborted } from "./failures.ts";
import { steadyTime } from "../system/clock.ts";

/** The longest delay of `setTimeout`, in milliseconds. */
export const LONGEST_TIMER = 0x7fff_ffff;

export interface Clock {
  /** The timeout in milliseconds; `Infinity`: none. */
  readonly timeout: number;
  /** Creates the error for when the timeout has passed. */
  readonly late: () => Error;
}

/** How many times the allowed silence an exchange may take in all. */
const WHOLE = 10;

const MIB = 1024 * 1024;

/**
 * The longest time for one exchange with a server, in milliseconds: a server that sends a byte now and then is never silent.
 * `silence`: how long it may be silent, in milliseconds. `octets`: the size of what is sent; a server may read it slowly.
 */
export function wholeTime(silence: number, octets = 0): number {
  return silence * Math.max(WHOLE, Math.ceil(octets / MIB));
}

/** Calls `call` and returns its result. Rejects as soon as the signal is aborted. There is no time limit. */
export async function untilAborted<T>(
  signal: AbortSignal | undefined,
  call: () => T | Promise<T>,
): Promise<T> {
  if (signal === undefined) return call();
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

/** Resolves after `milliseconds`, or as soon as one of the signals is aborted. Never rejects. */
export async function sleep(
  milliseconds: number,
  ...signals: readonly (AbortSignal | undefined)[]
): Promise<void> {
  // Monotonic: the system clock may be set back.
  const until = steadyTime() + milliseconds;
  for (let left = milliseconds; left > 0 && !isAborted(...signals); left = until - steadyTime())
    await nap(Math.min(left, LONGEST_TIMER), signals);
}

function nap(milliseconds: number, signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      for (const unsubscribe of subscriptions) unsubscribe();
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    const subscriptions = signals.map((signal) => onAbort(signal, wake));
  });
}
