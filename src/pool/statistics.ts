// The statistics of a pool. They are only numbers: no host and no user is named.

/** The state and counters of a pool at one moment: see {@link Pop3Pool.statistics}. */
export interface Pop3PoolStatistics {
  /** Sessions that calls of `use` have now. A session counts until it has ended. */
  readonly inUse: number;
  /** Idle sessions that are kept for reuse. A session counts until it has ended. */
  readonly idle: number;
  /** Sessions that are being opened, and idle sessions that are being checked with NOOP. */
  readonly connecting: number;
  /** The sum of `inUse`, `idle` and `connecting`. */
  readonly open: number;
  /** Calls that wait for a session, or before another attempt to open one. */
  readonly waiting: number;
  /** Sessions opened so far. */
  readonly opened: number;
  /** Idle sessions reused so far. */
  readonly reused: number;
  /** How often the pool has tried again to open a session after a failed attempt. */
  readonly retried: number;
  /** Calls of `use` so far that failed because no session could be opened. */
  readonly failed: number;
}

/** The counters of the pool. The other statistics are computed. */
export class Counts {
  inUse = 0;
  connecting = 0;
  pausing = 0;
  opened = 0;
  reused = 0;
  retried = 0;
  failed = 0;

  /** Adds one to a counter until `call` settles. */
  async during<T>(what: "connecting" | "pausing", call: Promise<T>): Promise<T> {
    this[what]++;
    try {
      return await call;
    } finally {
      this[what]--;
    }
  }
}
