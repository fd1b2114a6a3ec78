// The report of a run: what it fetched, deleted and skipped, what failed, and when to run again.
import type { Pop3Error } from "../errors.ts";
import type { MalformedLine } from "../protocol/malformed-line.ts";
import type { PlannedRun } from "./plan/planned.ts";
import type { Skip } from "./plan/steps.ts";

/** A message whose delivery failed in this run. */
export interface FailedMessage {
  /** The message number in this session. */
  readonly number: number;
  /** The unique-id; `undefined` if the server gave none. */
  readonly uid: string | undefined;
  /** Its name in the ledger. `undefined`: the name depends on the content, which was not received. */
  readonly id: string | undefined;
  /** The error of the destination or of the server. */
  readonly error: unknown;
  /** The error as the ledger stores it: one printable line of at most 200 characters, without secrets. */
  readonly reason: string;
  /** The time of the failure, in milliseconds since 1970. */
  readonly at: number;
  /** How often it has failed, including this time. */
  readonly tries: number;
  /** The time of the next try, in milliseconds since 1970. `undefined`: it is no longer tried. */
  readonly retryAt: number | undefined;
}

/** A message that was skipped, with the reason. */
export type SkippedMessage = Skip;

/** The result of one run over one mailbox. */
export interface FetchReport {
  /** The name of the mailbox in the ledger. */
  readonly mailbox: string;
  /**
   * - `"done"`: the run is complete.
   * - `"deferred"`: it was too early, or the host is down (see `hostDown`), and the run did not connect. See
   *   `nextPollAt`.
   * - `"stopped"`: the run was stopped, or reached a limit of the policy. There is more to do.
   * - `"failed"`: an error ended the run. A {@link FetchError} has this report.
   * - `"dry-run"`: the run only planned, because of `policy.dryRun`. See `planned`.
   */
  readonly outcome: "done" | "deferred" | "stopped" | "failed" | "dry-run";
  /** The number of messages that the server listed. */
  readonly listed: number;
  /** The sum of their sizes in bytes, as LIST announces them. */
  readonly listedOctets: number;
  /**
   * Malformed lines in LIST and UIDL. A message that one of them names is not left out: it has no known size,
   * or is identified by its content.
   */
  readonly malformed: readonly MalformedLine[];
  /** The number of messages that the destination took. */
  readonly delivered: number;
  /** The number of messages that the destination or the ledger already had. */
  readonly known: number;
  /**
   * The number of messages of `known` that the destination had but the ledger did not. A crash may leave one.
   * A higher number means that the ledger was lost, or replaced by an older copy.
   */
  readonly unrecorded: number;
  /** Bytes that were retrieved. */
  readonly octets: number;
  /** The number of messages whose deletion the server has confirmed. */
  readonly deleted: number;
  /** The messages that the policy left on the server. */
  readonly skipped: readonly SkippedMessage[];
  /** The number of messages left for another run, because this one was stopped or reached a limit. */
  readonly left: number;
  /** The messages whose delivery failed in this run. */
  readonly failed: readonly FailedMessage[];
  /** What a run would do now. Set with `policy.dryRun`. */
  readonly planned?: PlannedRun;
  /**
   * Set by `fetchAll` if it did not poll the mailbox because its host is down: the error of the mailbox that was tried
   * last.
   */
  readonly hostDown?: Pop3Error;
  /**
   * Whether QUIT deleted the marked messages. `"unknown"`: its reply was lost. `undefined`: nothing was
   * marked. The next run deletes what is still there, without retrieving it again.
   */
  readonly committed: boolean | "unknown" | undefined;
  /** The duration of the run in milliseconds. */
  readonly duration: number;
  /** When to run again, in milliseconds since 1970. */
  readonly nextPollAt: number;
}

/** A report that the run is still filling in. */
export type MutableReport = { -readonly [Name in keyof FetchReport]: FetchReport[Name] } & {
  skipped: SkippedMessage[];
  failed: FailedMessage[];
};

/** Returns the report of a run that has not done anything yet. */
export function emptyReport(mailbox: string): MutableReport {
  return {
    mailbox,
    outcome: "done",
    listed: 0,
    listedOctets: 0,
    malformed: [],
    delivered: 0,
    known: 0,
    unrecorded: 0,
    octets: 0,
    deleted: 0,
    skipped: [],
    left: 0,
    failed: [],
    committed: undefined,
    duration: 0,
    nextPollAt: 0,
  };
}
