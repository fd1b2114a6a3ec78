// What a pool is doing, and what it has done: numbers, and nobody's name.

/** A snapshot, see {@link Pop3Pool.statistics}. */
export interface Pop3PoolStatistics {
  /** Sessions that some work has, until they have ended. */
  readonly inUse: number;
  /** Sessions that are kept for reuse, until they have ended. */
  readonly idle: number;
  /** Sessions that are being opened, or proven to be alive. */
  readonly connecting: number;
  /** All of these. */
  readonly open: number;
  /** Calls that wait: for their turn, or to try again. */
  readonly waiting: number;
  /** Sessions that were opened so far. */
  readonly opened: number;
  /** Uses so far of a session that had been kept. */
  readonly reused: number;
  /** Tries so far to open a session, behind one that failed. */
  readonly retried: number;
  /** Calls so far that got no session: connecting or logging in failed. */
  readonly failed: number;
}

/** The numbers that are counted; the others are known elsewhere. */
export class Counts {
  inUse = 0;
  connecting = 0;
  pausing = 0;
  opened = 0;
  reused = 0;
  retried = 0;
  failed = 0;

  /** Counts one more as long as a call lasts. */
  async during<T>(what: "connecting" | "pausing", call: Promise<T>): Promise<T> {
    this[what]++;
    try {
      return await call;
    } finally {
      this[what]--;
    }
  }
}
