// The options of a pool: their types, defaults and checks.
import { CALL, type CallOptions, type NamesOf } from "../options/call.ts";
import { checkLogger, checkNames, checkObject, configError, shown, withDefaults } from "../options/checks.ts";
import type { Duration } from "../options/duration.ts";
import type { Pop3Logger } from "../net/log.ts";
import type { HostPlaces } from "./places.ts";

/** The options of a {@link Pop3Pool}. */
export interface Pop3PoolOptions {
  /** Maximum number of open sessions, including idle ones; `Infinity`: no limit. @default 50 */
  readonly maxSessions?: number;
  /** Maximum number of open sessions per host, for all of its ports together. @default 5 */
  readonly maxPerHost?: number;
  /**
   * How long a session stays open after its use, so that the next use of the same account
   * can reuse it. A number is in milliseconds. Only a session without marked messages is kept. 0: no session is kept. A reused session
   * shows the maildrop as it was at login: it does not see new mail.
   * @default 0
   */
  readonly idleTimeout?: Duration;
  /** Maximum number of waiting calls. Further calls reject with `POP3_POOL_FULL`. @default 10000 */
  readonly maxWaiting?: number;
  /** The default of {@link UseOptions.retryFor}. A number is in milliseconds. @default 0 */
  readonly retryFor?: Duration;
  /**
   * Places on hosts that this pool shares with others, also in other processes: a session is opened only with a place.
   * If the host is full, `use` rejects with `POP3_HOST_BUSY`, or tries again within `retryFor`. @default none
   */
  readonly places?: HostPlaces;
  /**
   * The logger of the pool and of its sessions, see {@link Pop3ClientOptions.logger}. An account may have its own.
   * @default no logger; `DEBUG=popwright:*` logs to standard error
   */
  readonly logger?: Pop3Logger | false;
}

/** Options of {@link Pop3Pool.use}. */
export interface UseOptions extends CallOptions {
  /**
   * How long the pool tries again to open the session after temporary errors: `[IN-USE]`,
   * `[LOGIN-DELAY]`, `[SYS/TEMP]` or a network error. A number is in milliseconds. The time starts with the first attempt; an attempt that
   * would start later is not made. 0: only one attempt. `work` is never called again.
   * @default the pool's `retryFor`
   */
  readonly retryFor?: Duration;
  /** Whether to open a new session, which sees new mail, instead of reusing an idle one. @default false */
  readonly fresh?: boolean;
}

type PoolNumbers = Readonly<Record<keyof Omit<Pop3PoolOptions, "places" | "logger">, number>>;

export const USE: NamesOf<UseOptions> = { ...CALL, retryFor: true, fresh: true };

/** The options of a pool with all their defaults; times in milliseconds. */
export interface PoolSettings extends PoolNumbers {
  readonly places: HostPlaces | undefined;
  readonly logger: Pop3Logger | false | undefined;
}

const DEFAULTS: PoolNumbers = {
  maxSessions: 50,
  maxPerHost: 5,
  idleTimeout: 0,
  maxWaiting: 10_000,
  retryFor: 0,
};

/** Fills in the defaults. Throws `POP3_CONFIG` if an option is invalid. */
export function completePoolOptions(given: Pop3PoolOptions): PoolSettings {
  checkObject("pool", given);
  const { places, logger, ...numbers } = given;
  checkNames("pool", given, [...Object.keys(DEFAULTS), "places", "logger"]);
  checkLogger("pool.logger", logger);
  const settings = withDefaults("pool", DEFAULTS, numbers, { idleTimeout: "ms", retryFor: "ms" });
  if (places !== undefined && typeof (places as Partial<HostPlaces> | null)?.take !== "function")
    throw configError(`pool.places must be an object with a method take (got ${shown(places)})`);
  for (const name of ["maxSessions", "maxPerHost", "maxWaiting"] as const) {
    const value = settings[name];
    const least = name === "maxWaiting" ? 0 : 1;
    if (value < least || (value !== Infinity && !Number.isInteger(value)))
      throw configError(`pool.${name} must be a whole number >= ${least}, or Infinity (got ${value})`);
  }
  return { ...settings, places, logger };
}
