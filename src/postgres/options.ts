// The options of a store, their defaults and checks.
import { checkNames, checkObject, configError, shown, withDefaults } from "../options/checks.ts";
import type { Duration } from "../options/duration.ts";
import { checkLeaseTimes, LEASE_TIMES, type LeaseTimes } from "../store/lease-times.ts";

/** The options of a {@link PostgresStore}. */
export interface PostgresStoreOptions {
  /**
   * The schema in which the tables are: lower-case letters, digits and `_`, at most 63. Two stores in the same database
   * need different ones. @default "popwright"
   */
  readonly schema?: string;
  /** How often the leases of the mailboxes are renewed. A number is in milliseconds. @default 10000 */
  readonly heartbeat?: Duration;
  /**
   * A mailbox whose lease was not renewed for this time may be taken over by another run. A number is in milliseconds. The run
   * that has lost its lease records nothing more. The mailbox of a process that died on the same host is taken over
   * at once. @default 60000
   */
  readonly stale?: Duration;
}

/** The options with all their defaults; times in milliseconds. */
export interface StoreSettings extends LeaseTimes {
  readonly schema: string;
}

/** The schema, unless another one is given. */
export const SCHEMA = "popwright";

const NAMES = ["schema", ...Object.keys(LEASE_TIMES)];

/** The largest time that PostgreSQL takes for a session; milliseconds. */
const LONGEST = 2_147_483_647;

/** Returns all options. Throws `POP3_CONFIG` if one is unknown or invalid. */
export function storeSettings(options: PostgresStoreOptions = {}): StoreSettings {
  checkObject("options", options);
  checkNames("store", options, NAMES);
  const { schema = SCHEMA, ...given } = options;
  if (typeof schema !== "string" || !/^[a-z_][a-z0-9_]{0,62}$/.test(schema) || schema.startsWith("pg_"))
    throw configError(
      "store.schema must be at most 63 lower-case letters, digits and underscores, not begin with a digit or pg_ " +
        `(got ${shown(schema)})`,
    );
  const times = withDefaults("store", LEASE_TIMES, given, "ms");
  checkLeaseTimes(times);
  if (times.stale > LONGEST)
    throw configError(`store.stale must be at most ${String(LONGEST)} (got ${String(times.stale)})`);
  return { schema, ...times };
}
