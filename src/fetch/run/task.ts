// The task of one session of a run, and its outcome.
import type { LedgerEntry } from "../ledger/ledger.ts";

/** The task of one session, in addition to the policy. */
export interface SessionTask {
  /** Whether the session retrieves messages. If not, it only deletes. */
  readonly retrieve: boolean;
  /** The process died during the last run: record each message as failed before trying it. */
  readonly careful: boolean;
  /** A session of this run failed while several commands were in flight: request a message only after the one before. */
  readonly oneByOne: boolean;
  /**
   * When the session begins no other message and gives up the current one; milliseconds, by
   * `performance.now()`.
   */
  readonly until: number;
  /** Counters of the run, which the session increments. */
  readonly spent: Spent;
}

/** The used part of the limits of a run. Only messages that the ledger did not know count. */
export interface Spent {
  messages: number;
  octets: number;
  /** Messages that took too long and have no name in the ledger, by their number and size. */
  readonly slow: Set<string>;
  /** How many messages took too long since the last one that was received. */
  slowInARow: number;
}

export interface SessionOutcome {
  /** The entries to record after QUIT has deleted the marked messages. */
  readonly marked: readonly LedgerEntry[];
  /**
   * A message was not delivered: the session ends without QUIT, because some servers hide retrieved messages
   * after it.
   */
  readonly withoutQuit: boolean;
  /** There are messages left to retrieve: they need another session. */
  readonly more: boolean;
  /** There are messages left to delete. */
  readonly toDelete: boolean;
  /** `stop` was aborted, or the time limit of the run has passed. */
  readonly stopped: boolean;
  /** Why the destination is down, if it is. */
  readonly down: Error | undefined;
  /** The destination refused several messages in a row, and there are messages that it was never offered. */
  readonly untried: boolean;
}

/** The outcome of a dry run: that of a session with nothing to do. */
export const NOTHING_DONE: SessionOutcome = {
  marked: [],
  withoutQuit: false,
  more: false,
  toDelete: false,
  stopped: false,
  down: undefined,
  untried: false,
};

/** The outcome of a session that was stopped before it retrieved anything. */
export const STOPPED: SessionOutcome = { ...NOTHING_DONE, withoutQuit: true, stopped: true };
