// What a pool can be told: one table of defaults, checked before anything is done.
import type { CallOptions } from "../client.ts";
import { configError, withDefaults } from "../options/checks.ts";

export interface Pop3PoolOptions {
  /** Sessions at a time, those that are kept for reuse included; `Infinity`: any number. @default 50 */
  readonly maxSessions?: number;
  /** Sessions at a time on one host, on all of its ports together. @default 5 */
  readonly maxPerHost?: number;
  /**
   * Milliseconds for which a session that has marked nothing is kept, for another use of the same account; 0: it
   * ends with its use. A session that is used again shows the maildrop as it was at its login: no new mail.
   * @default 0
   */
  readonly idleTimeout?: number;
  /** Calls that may wait for a session; beyond that `use` rejects with `POP3_POOL_FULL`. @default 10000 */
  readonly maxWaiting?: number;
  /** Milliseconds, see {@link UseOptions.retryFor}. @default 0 */
  readonly retryFor?: number;
}

/** What `use` takes. */
export interface UseOptions extends CallOptions {
  /**
   * How long opening the session may be tried again, where it fails for a reason that passes by itself: `[IN-USE]`,
   * `[LOGIN-DELAY]`, `[SYS/TEMP]`, or a fault of the network. Milliseconds from the first try on: a try that would
   * begin later is not made. 0: there is one try. What the work does is never tried again.
   * @default the pool's `retryFor`
   */
  readonly retryFor?: number;
  /** Whether the session has to be a new one, which sees new mail, and none that was kept. @default false */
  readonly fresh?: boolean;
}

export type PoolSettings = Required<Pop3PoolOptions>;

const DEFAULTS: PoolSettings = {
  maxSessions: 50,
  maxPerHost: 5,
  idleTimeout: 0,
  maxWaiting: 10_000,
  retryFor: 0,
};

/** Throws `POP3_CONFIG` for what makes no sense. */
export function completePoolOptions(given: Pop3PoolOptions): PoolSettings {
  const settings = withDefaults("pool", DEFAULTS, given);
  for (const name of ["maxSessions", "maxPerHost", "maxWaiting"] as const) {
    const value = settings[name];
    const least = name === "maxWaiting" ? 0 : 1;
    if (value < least || (value !== Infinity && !Number.isInteger(value)))
      throw configError(`pool.${name} must be a whole number >= ${least}, or Infinity (got ${value})`);
  }
  return settings;
}
