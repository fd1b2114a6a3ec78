// What a worker says of itself, and how often.
import type { Pop3ErrorCode } from "../errors.ts";
import type { FetchScope } from "../fetch/scope.ts";

/** A worker of a fleet. */
export interface FleetWorkerStatus {
  /** A random name. */
  readonly id: string;
  /** When it has last said so, in milliseconds since 1970. */
  readonly at: number;
  /** The number of mailboxes that it polls now. */
  readonly active: number;
  /** The number of mailboxes that it may poll at a time. */
  readonly concurrency: number;
  /** Set if it takes no mailboxes for now, because the destination, the ledger or `account` fails. */
  readonly paused?: WorkerPause;
}

/** Why a worker takes no mailboxes for now. */
export interface WorkerPause {
  /** `"caller"`: the function `account`. */
  readonly scope: FetchScope;
  /** The code of the error, if it has one. */
  readonly code?: string;
  /** When it continues, one mailbox at a time at first; in milliseconds since 1970. */
  readonly until: number;
}

/** What a worker writes of itself. */
export interface WorkerRecord extends FleetWorkerStatus {
  readonly hosts: readonly {
    readonly host: string;
    readonly code: Pop3ErrorCode;
    readonly nextPollAt: number;
  }[];
}

/** How long a worker is believed to live without a word, in milliseconds. */
export const SILENCE = 20_000;
