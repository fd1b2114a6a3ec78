// The options of a ledger in Redis, their defaults and checks.
import { LONGEST_TIMER } from "../net/settle.ts";
import { checkNames, checkObject, configError, shown, withDefaults } from "../options/checks.ts";
import type { Duration } from "../options/duration.ts";
import { printable } from "../protocol/printable.ts";
import { checkLeaseTimes, LEASE_TIMES, type LeaseTimes } from "../store/lease-times.ts";
import { checkPrefix } from "./client.ts";

/** The options of a {@link RedisLedger}. */
export interface RedisLedgerOptions {
  /**
   * The beginning of all keys: letters, digits, and characters of `:._-`, at most 64. Two ledgers in the same Redis need
   * different ones. @default "popwright:ledger:"
   */
  readonly prefix?: string;
  /** How often the lease of a mailbox is renewed. A number is in milliseconds. @default 10000 */
  readonly heartbeat?: Duration;
  /**
   * A mailbox whose lease was not renewed for this time may be taken over by another run. A number is in milliseconds. The run that
   * has lost its lease records nothing more. After a crash, the mailbox is busy until then. @default 60000
   */
  readonly stale?: Duration;
  /** How long Redis may take to answer a command. A number is in milliseconds. @default 10000 */
  readonly timeout?: Duration;
}

/** The options with all their defaults; times in milliseconds. */
export interface LedgerSettings extends LeaseTimes {
  readonly prefix: string;
  readonly timeout: number;
}

const TIMES = { ...LEASE_TIMES, timeout: 10_000 };
const NAMES = ["prefix", ...Object.keys(TIMES)];

/** Returns all options. Throws `POP3_CONFIG` if one is unknown or invalid. */
export function ledgerSettings(options: RedisLedgerOptions = {}): LedgerSettings {
  checkObject("options", options);
  checkNames("ledger", options, NAMES);
  const { prefix = "popwright:ledger:", ...given } = options;
  checkPrefix("ledger.prefix", prefix);
  const times = withDefaults("ledger", TIMES, given, "ms");
  checkTimes("ledger", times);
  checkLeaseTimes(times, "ledger");
  return { prefix, ...times };
}

/** Throws `POP3_CONFIG` if one of the times is not possible for a timer. */
export function checkTimes(what: string, times: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(times))
    if (!Number.isInteger(value) || value < 1 || value > LONGEST_TIMER)
      throw configError(
        `${what}.${printable(name)} must be a whole number of milliseconds from 1 to ${String(LONGEST_TIMER)} (got ${shown(value)})`,
      );
}
