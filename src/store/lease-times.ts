// The times of the leases of a store: options, defaults and checks.
import { LONGEST_TIMER } from "../net/settle.ts";
import { configError } from "../options/checks.ts";

/** Milliseconds. */
export interface LeaseTimes {
  /** How often the leases of the mailboxes are renewed. */
  readonly heartbeat: number;
  /** The age at which a lease that was not renewed may be taken over. */
  readonly stale: number;
}

export const LEASE_TIMES: LeaseTimes = { heartbeat: 10_000, stale: 60_000 };

/** Throws `POP3_CONFIG` if the leases would end before they are renewed. `what`: what has the options. */
export function checkLeaseTimes({ heartbeat, stale }: LeaseTimes, what = "store"): void {
  if (heartbeat < 1 || heartbeat > LONGEST_TIMER || heartbeat >= stale)
    throw configError(
      `${what}.heartbeat must be from 1 to ${String(LONGEST_TIMER)}, and less than ${what}.stale ` +
        `(got ${String(heartbeat)}, with ${what}.stale ${String(stale)})`,
    );
}
