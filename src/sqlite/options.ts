// The options of a store, their defaults and checks.
import { checkNames, checkObject, configError, shown, withDefaults } from "../options/checks.ts";
import type { Duration } from "../options/duration.ts";
import { checkLeaseTimes, LEASE_TIMES, type LeaseTimes } from "../store/lease-times.ts";

/** The options of a {@link SqliteStore}. */
export interface SqliteStoreOptions {
  /**
   * The beginning of the names of the tables: letters, digits and `_`, at most 40. Two stores in the same database
   * need different ones. @default "popwright_"
   */
  readonly prefix?: string;
  /** How often the leases of the mailboxes are renewed. A number is in milliseconds. @default 10000 */
  readonly heartbeat?: Duration;
  /**
   * A mailbox whose lease was not renewed for this time may be taken over by another run. A number is in milliseconds. The run
   * that has lost its lease records nothing more. The mailbox of a process that died on the same host is taken over
   * at once. @default 60000
   */
  readonly stale?: Duration;
  /** How long an operation waits while another process writes to the database. A number is in milliseconds. @default 5000 */
  readonly busyTimeout?: Duration;
}

/** The options with all their defaults; times in milliseconds. */
export interface StoreSettings extends LeaseTimes {
  readonly prefix: string;
  readonly busyTimeout: number;
}

const TIMES = { ...LEASE_TIMES, busyTimeout: 5000 };
const NAMES = ["prefix", ...Object.keys(TIMES)];

/** Returns all options. Throws `POP3_CONFIG` if one is unknown or invalid. */
export function storeSettings(options: SqliteStoreOptions = {}): StoreSettings {
  checkObject("options", options);
  checkNames("store", options, NAMES);
  const { prefix = "popwright_", ...given } = options;
  if (typeof prefix !== "string" || !/^[A-Za-z_]\w{0,39}$/.test(prefix) || /^sqlite_/i.test(prefix))
    throw configError(
      "store.prefix must be at most 40 letters, digits and underscores, not begin with a digit or sqlite_ " +
        `(got ${shown(prefix)})`,
    );
  const times = withDefaults("store", TIMES, given, "ms");
  checkLeaseTimes(times);
  return { prefix, ...times };
}
